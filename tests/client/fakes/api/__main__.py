"""Stands in for the API: ready at once unless a worker crashes or is late, and responding to the demo's
requests."""

import os
from http.server import ThreadingHTTPServer

from tests.client.demo_service import demo_service
from tests.client.fakes import behaviour
from tests.client.service import Handler

behaviour.begin("api")

WORKERS = {"train", "generate", "prepare"}


def has_workers() -> bool:
    if "FAKE_LATE" in os.environ and not (behaviour.FOLDER / "go").exists():
        return False
    return not behaviour.CRASHING & WORKERS


class DemoHandler(Handler):
    service = demo_service(has_workers)


address = os.environ["PRETRAIN_HOST"], int(os.environ["PRETRAIN_PORT"])
ThreadingHTTPServer(address, DemoHandler).serve_forever()
