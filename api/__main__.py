"""`python -m api`: serve the API."""

import sys

from api.app import create_app
from api.server.server import serve
from jobs.process.logs import configure_logging
from jobs.settings import LOOPBACK, load_settings_or_exit


def main() -> None:
    settings = load_settings_or_exit()
    if not (settings.is_loopback or settings.allow_no_token):
        sys.exit(
            f"PRETRAIN_HOST={settings.host} is reachable from other machines, and nobody would need a token: "
            f"use {' or '.join(sorted(LOOPBACK))}, or set PRETRAIN_ALLOW_NO_TOKEN=1 if something else guards "
            "the port"
        )
    configure_logging(settings)
    try:
        serve(create_app(settings), settings.host, settings.port)
    except OSError as error:
        sys.exit(f"can't listen on {settings.host} port {settings.port}: {error.strerror}")


if __name__ == "__main__":
    main()
