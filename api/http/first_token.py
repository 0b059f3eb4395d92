"""The first token of a service that other machines may reach."""

import logging
import sys
import threading

from sqlalchemy.exc import SQLAlchemyError

from jobs.settings import Settings
from jobs.store.audit import Audited, audited
from jobs.store.database import Database
from jobs.store.tokens import create_first_token, tokens_exist

log = logging.getLogger(__name__)

RETRY_S = 1.0
COMMAND = "pretrain token create --scope admin --name NAME"


def require_token_if_public(settings: Settings) -> None:
    """On an address that other machines reach, the process ends with a message unless there is a token.

    Where `PRETRAIN_PUBLISH` says so, as in a container, nobody could run a command before: there a token is
    made once the database is there, and written to the log once. Until then nothing is answered without one
    either.
    """
    if not settings.is_public:
        return
    if settings.publish:
        threading.Thread(target=make_first_token, args=(settings,), name="first-token", daemon=True).start()
        return
    database = Database(settings.database)
    try:
        with database.read() as session:
            has_token = tokens_exist(session)
    except SQLAlchemyError:
        has_token = False  # no database or no table yet
    finally:
        database.close()
    if not has_token:
        sys.exit(
            f"PRETRAIN_HOST={settings.host} is reachable from other machines, and there is no token yet that "
            f"they would need: make one with `{COMMAND}`, or use 127.0.0.1"
        )


def make_first_token(settings: Settings, stopped: threading.Event | None = None) -> None:
    """Make a token unless there is one, as soon as the database answers."""
    stopped = stopped or threading.Event()
    database = Database(settings.database)
    try:
        while not stopped.is_set():
            try:
                with audited(Audited("python -m api")), database.write() as session:
                    made = create_first_token(session)
            except SQLAlchemyError:  # it is starting, or has yet to be migrated
                stopped.wait(RETRY_S)
                continue
            if made is not None:
                log.warning(
                    "there was no token, so this one is made, of scope admin; it is not shown again: %s",
                    made[1],
                )
            return
    finally:
        database.close()
