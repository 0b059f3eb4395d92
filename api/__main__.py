"""`python -m api`: serve the API."""

import sys

from api.app import create_app
from api.http.first_token import require_token_if_public
from api.server.server import serve
from jobs.process.logs import configure_logging
from jobs.settings import load_settings_or_exit


def main() -> None:
    settings = load_settings_or_exit()
    configure_logging(settings)
    require_token_if_public(settings)
    try:
        serve(create_app(settings), settings.host, settings.port)
    except OSError as error:
        sys.exit(f"can't listen on {settings.host} port {settings.port}: {error.strerror}")


if __name__ == "__main__":
    main()
