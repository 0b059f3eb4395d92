"""`python -m api`: serve the API with gunicorn."""

import sys

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from api.app import create_app
from api.services import THREADS
from jobs.logs import configure_logging
from jobs.settings import LOOPBACK, Settings, load_settings_or_exit

GRACE_S = 10
"""Seconds that requests have to end when the service stops."""


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn by the settings alone: no command line, no file, no working directory on the path."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options = {
            "bind": f"{host}:{self._settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": GRACE_S,
            # A prompt may stand in the query. This is the most that gunicorn bounds.
            "limit_request_line": 8190,
            "logger_class": ProcessLogger,
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self._settings)


class ProcessLogger(Logger):  # type: ignore[misc]
    """Gunicorn's messages through this process's logging."""

    def setup(self, cfg: object) -> None:
        self.error_log.propagate = True


def main() -> None:
    settings = load_settings_or_exit()
    if not (settings.loopback or settings.allow_no_token):
        sys.exit(
            f"PRETRAIN_HOST={settings.host} is reachable from other machines, and nobody would need a token: "
            f"use {' or '.join(sorted(LOOPBACK))}, or set PRETRAIN_ALLOW_NO_TOKEN=1 if something else guards "
            "the port"
        )
    configure_logging(settings)
    Server(settings).run()


if __name__ == "__main__":
    main()
