"""A stand-in for the Hugging Face Hub, as far as `huggingface_hub` asks it for a model's files."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "a" * 40


@contextmanager
def running_hub(name: str, files: dict[str, bytes]) -> Iterator[str]:
    """The address of a hub that has one model."""
    handler = type("HubHandler", (Handler,), {"name": name, "files": files})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    name: str
    files: dict[str, bytes]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith(f"/api/models/{self.name}/revision/") or path == f"/api/models/{self.name}":
            siblings = [{"rfilename": file} for file in self.files]
            self.answer_json({"id": self.name, "modelId": self.name, "sha": COMMIT, "siblings": siblings})
        elif path.startswith(f"/api/models/{self.name}/tree/"):
            entries = [
                {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for file, content in self.files.items()
            ]
            self.answer_json(entries)
        elif path.startswith(f"/{self.name}/resolve/") and path.rpartition("/")[2] in self.files:
            content = self.files[path.rpartition("/")[2]]
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            self.answer(200, content, {"ETag": etag, "X-Repo-Commit": COMMIT})
        else:
            headers = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            self.answer(404, b"{}", headers)

    do_HEAD = do_GET

    def answer_json(self, content: Any) -> None:
        self.answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Print nothing."""
