"""Sends what webhooks are to be told, in threads beside the keeper's rounds, which no receiver delays."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from jobs.settings import Network, Settings
from jobs.store.database import Database
from jobs.store.webhooks import Claimed, Outcome, Turn, claim_delivery, is_any_due, settle_delivery
from jobs.validation.strict_json import to_json
from jobs.webhooks.signature import ID_HEADER, SIGNATURE_HEADER, sign
from worker.retry import retry_while_unavailable
from worker.webhooks.post import PostFailed, post

log = logging.getLogger(__name__)

THREADS = 4
"""So many receivers may be slow at once without one that is not having to wait."""
POLL_S = 1.0

Post = Callable[[str, bytes, Mapping[str, str], Sequence[Network]], int]


class Sender:
    """Any number may run: the database gives each webhook to one of them at a time.

    post_request  see `worker.webhooks.post`
    """

    def __init__(self, settings: Settings, database: Database, post_request: Post = post) -> None:
        self._settings = settings
        self._database = database
        self._post = post_request
        self._stopping = threading.Event()

    def start(self) -> None:
        for number in range(THREADS):
            threading.Thread(target=self._run, name=f"webhooks {number}", daemon=True).start()

    def stop(self) -> None:
        """Begin nothing more. What is being sent and not settled is sent again by the next keeper."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                has_sent = self.send_next()
            except SQLAlchemyError as error:  # it is away, or has not been migrated yet
                log.warning("webhooks wait for the database: %s", getattr(error, "orig", None) or error)
                has_sent = False
            except Exception:
                log.exception("a delivery failed in a way that was not foreseen; it is tried again")
                has_sent = False
            if not has_sent:
                self._stopping.wait(POLL_S)

    def send_next(self) -> bool:
        """Send the delivery that is due for longest; whether there was one."""
        with self._database.read() as session:
            if not is_any_due(session):
                return False
        with self._database.write() as session:
            claimed = claim_delivery(session)
        if claimed is None:
            return False  # another keeper was faster
        outcome = self._attempt(claimed)
        turn = retry_while_unavailable(
            self._database.write, lambda session: settle_delivery(session, claimed, outcome)
        )
        log_turn(claimed, outcome, turn)
        return True

    def _attempt(self, claimed: Claimed) -> Outcome:
        body = delivery_body(claimed)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"pretrain/{version('pretrain')}",
            ID_HEADER: claimed.delivery_id,
            SIGNATURE_HEADER: sign(claimed.secret, int(time.time()), body),
        }
        try:
            status = self._post(claimed.url, body, headers, self._settings.webhook_allow_private)
        except PostFailed as error:
            return Outcome(None, str(error))
        if 200 <= status < 300:
            return Outcome(status)
        redirect = "; redirects are not followed" if 300 <= status < 400 else ""
        return Outcome(status, f"the answer was {status}{redirect}")


def log_turn(claimed: Claimed, outcome: Outcome, turn: Turn | None) -> None:
    """Once when a webhook begins to fail, and once when that is over: `GET /webhooks/<id>/deliveries` has
    each attempt. Of its URL the host alone, since the rest may be a secret."""
    name = f"webhook {claimed.webhook_id} ({urlsplit(claimed.url).hostname})"
    match turn:
        case "begins to fail":
            log.warning("%s begins to fail, and is tried again: %s", name, outcome.error)
        case "works again":
            log.info("%s works again", name)
        case "given up":
            log.warning("%s: delivery %s is given up: %s", name, claimed.delivery_id, outcome.error)
        case "disabled":
            log.warning("%s is disabled, since none of its deliveries succeeds: %s", name, outcome.error)


def delivery_body(claimed: Claimed) -> bytes:
    """The same bytes at every attempt."""
    created_at = datetime.fromtimestamp(claimed.created_at, UTC).isoformat(timespec="milliseconds")
    return to_json(
        {
            "id": claimed.delivery_id,
            "type": claimed.type,
            "created_at": created_at.replace("+00:00", "Z"),
            "data": claimed.data,
        }
    ).encode()
