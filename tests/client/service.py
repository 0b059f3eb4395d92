"""A tiny HTTP service that speaks the contract, with responses that the tests choose."""

import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

JSON_TYPE = "application/json"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Response:
    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeService:
    """Responses by (method, path): each request takes the next of its responses, the last one stays.

    silent  takes requests and never responds
    """

    url: str = ""
    silent: bool = False
    requests: list[Request] = field(default_factory=list)
    responses: dict[tuple[str, str], list[Response]] = field(default_factory=lambda: defaultdict(list))

    def respond(
        self, method: str, path: str, body: Any, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Add a response whose body is `body` as JSON."""
        kind = JSON_TYPE if status < 400 else "application/problem+json"
        self.responses[method, path].append(Response(status, json.dumps(body).encode(), kind, headers or {}))

    def respond_with_bytes(
        self, method: str, path: str, body: bytes, content_type: str, status: int = 200
    ) -> None:
        self.responses[method, path].append(Response(status, body, content_type))

    def respond_with_text(self, path: str, text: str, headers: dict[str, str]) -> None:
        response = Response(200, text.encode(), "text/plain; charset=utf-8", headers)
        self.responses["GET", path].append(response)

    def respond_with_list(self, path: str, rows: list[Any], has_more: bool = False) -> None:
        self.respond("GET", path, {"object": "list", "data": rows, "has_more": has_more})

    def respond_with_events(self, path: str, *events: tuple[int | None, str, Any]) -> None:
        """A stream of events, each with its id, its name and what has happened, that ends behind them."""
        self.respond_with_bytes("GET", path, b"".join(map(encoded, events)), "text/event-stream")

    def take(self, request: Request) -> Response:
        self.requests.append(request)
        queue = self.responses.get((request.method, request.path))
        if not queue:
            return Response(404, json.dumps({"title": "Not Found", "status": 404}).encode())
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def sent(self, method: str, path: str) -> Request:
        """The one request of this kind."""
        [request] = [r for r in self.requests if (r.method, r.path) == (method, path)]
        return request


def encoded(event: tuple[int | None, str, Any]) -> bytes:
    event_id, name, data = event
    head = "" if event_id is None else f"id: {event_id}\n"
    record = {"job_id": "job-1", "type": name, "attempt": 1, "data": data}
    return f"{head}event: {name}\ndata: {json.dumps(record)}\n\n".encode()


class Handler(BaseHTTPRequestHandler):
    service: FakeService

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        content = self.read_body()
        is_json = self.headers.get("Content-Type") == JSON_TYPE
        body = (json.loads(content) if is_json else content) if content else None
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        request = Request(self.command, url.path, query, dict(self.headers), body)
        response = self.service.take(request)
        if self.service.silent:
            self.rfile.read(1)  # until the client has gone
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        for name, value in {"Content-Length": str(len(response.body)), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
        # One request a connection, so that a response that is shorter than it says is seen to be.
        self.close_connection = True

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""


class RunningService:
    """A FakeService behind a real port; `stop` and `start` make it unreachable for a while."""

    def __init__(self) -> None:
        self.fake = FakeService()
        self._handler = type("ServiceHandler", (Handler,), {"service": self.fake})
        self._port = 0
        self.start()

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._port = self._server.server_port
        self.fake.url = f"http://127.0.0.1:{self._port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def job_record(**changes: Any) -> dict[str, Any]:
    """A job as `GET /jobs/<id>` shows it: a running one, unless changed."""
    return {
        "id": "job-1",
        "object": "job",
        "name": "verdict",
        "status": "running",
        "spec": {"preset": "tiny", "dataset": "sample", "training": {"num_epochs": 3}},
        "progress": {
            "epoch": 2,
            "step": 12,
            "total_steps": 30,
            "tokens_seen": 1536,
            "fraction": 0.4,
            "tokens_per_s": 1234.5,
            "remaining_s": 75.0,
        },
        "latest": {"train_loss": 7.1234, "val_loss": 8.4321, "val_bpb": 2.5, "step": 10},
        "best": {"val_loss": 8.4321, "val_bpb": 2.5, "step": 10},
        "attempt": 1,
        "failures": 0,
        "numerics": "float32",
        "threads": 2,
        "parent": None,
        "disk_bytes": 0,
        "dataset_sha256": "ab" * 32,
        "parameters": 3_324_800,
        "device": "cpu",
        "error": None,
        "stopping": None,
        "created_at": "2026-11-24T07:00:00Z",
        "started_at": "2026-11-24T07:00:01Z",
        "finished_at": None,
        "metadata": {},
        **changes,
    }


def loss_row(step: int, epoch: int, train_loss: float, val_loss: float) -> dict[str, Any]:
    return {
        "step": step,
        "epoch": epoch,
        "tokens_seen": (step + 1) * 128,
        "train_loss": train_loss,
        "val_loss": val_loss,
        "val_bpb": val_loss / 4,
        "learning_rate": 4e-4,
        "grad_norm": 1.5,
        "tokens_per_s": 1234.5,
        "elapsed_s": 0.5 * (step + 1),
        "recorded_at": "2026-11-24T07:00:05Z",
    }


def sample_row(step: int, epoch: int, text: str) -> dict[str, Any]:
    return {
        "step": step,
        "epoch": epoch,
        "prompt": text[:5],
        "text": text,
        "recorded_at": "2026-11-24T07:00:06Z",
    }
