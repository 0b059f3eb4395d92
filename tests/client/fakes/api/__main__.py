"""Stands in for the API: ready at once unless a worker crashes, and responding to the demo's requests."""

import os
from http.server import ThreadingHTTPServer

from tests.client.demo_service import demo_service
from tests.client.fakes import behaviour
from tests.client.service import Handler

behaviour.begin("api")


class DemoHandler(Handler):
    service = demo_service(workers=not behaviour.CRASHING & {"train", "generate", "prepare"})


address = os.environ["PRETRAIN_HOST"], int(os.environ["PRETRAIN_PORT"])
ThreadingHTTPServer(address, DemoHandler).serve_forever()
