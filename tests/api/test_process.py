"""The API as a process of its own."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.settings import Settings
from jobs.store.database import Database
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

SERVE_ONE_REQUEST = """
import sys
from api.app import create_app
from model.bpe.tokenizer_json import TOKENIZER_JSON
from model.tokenizers import gpt2_ranks, tiktoken_lines
client = create_app().test_client()
assert client.get("/healthz").status_code == 200
assert client.get("/openapi.json").status_code == 200
assert tiktoken_lines(gpt2_ranks()) and TOKENIZER_JSON["gpt2"]()
print(sorted({"torch", "matplotlib", "numpy", "worker"} & set(sys.modules)))
"""


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_a_process_that_serves_requests_loads_neither_torch_nor_matplotlib(tmp_path: Path) -> None:
    assert run_python("-m", "migrations", PRETRAIN_DATA_DIR=str(tmp_path)).returncode == 0
    done = run_python("-c", SERVE_ONE_REQUEST, PRETRAIN_DATA_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_an_address_beyond_loopback_is_refused_with_the_way_out(tmp_path: Path) -> None:
    done = run_python("-m", "api", PRETRAIN_DATA_DIR=str(tmp_path), PRETRAIN_HOST="0.0.0.0")
    assert done.returncode == 1
    assert "PRETRAIN_HOST=0.0.0.0" in done.stderr
    assert "`pretrain token create --scope admin --name NAME`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named_by_every_process(tmp_path: Path) -> None:
    for module in (["api"], ["worker", "train"], ["worker.keeper"], ["migrations"]):
        done = run_python("-m", *module, PRETRAIN_DATA_DIR=str(tmp_path), PRETRAIN_PORT="many")
        assert (done.returncode, done.stderr) == (1, "PRETRAIN_PORT='many': must be an integer\n"), module


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
def port(
    request: pytest.FixtureRequest, settings: Settings, database: Database, broker: str, tmp_path: Path
) -> Iterator[int]:
    """The port of a running `python -m api`, on loopback and in a container that publishes it there.

    It takes one that is free itself, and its log says which: what was free before may be another's by then.
    """
    environment = {
        "PRETRAIN_DATA_DIR": str(settings.data_dir),
        "PRETRAIN_DATABASE_URL": settings.database,
        "PRETRAIN_REDIS_URL": broker,
        "PRETRAIN_HOST": request.param,
        "PRETRAIN_PORT": "0",
        "PRETRAIN_PUBLISH": "127.0.0.1",
    }
    log = tmp_path / "api.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "api"], env={**os.environ, **environment}, stderr=file
        )
    try:
        port = wait_until(lambda: logged_port(process, log), "it listened")
        wait_until_alive(process, port)
        yield port
    finally:
        process.terminate()
        assert process.wait(timeout=PATIENCE_S) == 0


def logged_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """0 as long as it has not said that it listens."""
    written = log.read_text()
    assert process.poll() is None, written
    found = re.search(r"listening on \S+ port (\d+)", written)
    return int(found[1]) if found else 0


def wait_until_alive(process: subprocess.Popen[bytes], port: int) -> None:
    def answers() -> bool:
        assert process.poll() is None
        try:
            return ask(port, "GET", "/healthz")[0] == 200
        except ConnectionRefusedError:
            return False

    wait_until(answers, "it answered")


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    response, content = exchange(
        port, method, path, body, {"Content-Type": "application/json"} if body else {}
    )
    return response.status, content


def exchange(
    port: int, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def test_the_served_api_takes_a_job_and_refuses_too_large_a_one(port: int) -> None:
    assert json.loads(ask(port, "GET", "/readyz")[1])["checks"] == {
        "database": "ok",
        "broker": "ok",
        "migrations": "ok",
        "artifacts": "ok",
        "workers": "no training worker works (none has reported); "
        "no generation worker works (none has reported); "
        "no preparation worker works (none has reported)",
    }
    status, job = ask(port, "POST", "/jobs", b'{"preset": "tiny", "dataset": "sample"}')
    assert status == 201
    assert json.loads(ask(port, "GET", f"/jobs/{json.loads(job)['id']}")[1])["status"] == "queued"
    status, problem = ask(port, "POST", "/jobs", json.dumps({"name": "x" * 2_000_000}).encode())
    assert (status, json.loads(problem)["status"]) == (413, 413)


def test_the_served_api_refuses_what_is_not_meant_for_it(port: int) -> None:
    for headers, status in (
        ({"Host": "evil.example"}, 421),
        ({"Host": f"localhost:{port}"}, 404),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": f"http://127.0.0.1:{port}"}, 404),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ):
        response, content = exchange(port, "POST", "/jobs/job-0/cancel", None, headers)
        assert (response.status, json.loads(content)["status"]) == (status, status), headers
        assert response.headers["X-Request-ID"]


def test_nobody_tells_the_served_api_where_its_redirects_lead(port: int) -> None:
    for name, value in {
        "SCRIPT_NAME": "//evil.example",
        "Script-Name": "//evil.example",
        "X-Forwarded-Prefix": "//evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Script-Name": "//evil.example",
        "Forwarded": "host=evil.example;proto=https",
    }.items():
        response, _ = exchange(port, "GET", "//jobs//job-0", None, {name: value})
        assert (response.status, response.headers["Location"]) == (308, "/jobs/job-0"), name


def test_the_served_api_answers_while_another_process_holds_the_database(
    port: int, database: Database
) -> None:
    """On SQLite, all that write wait for it."""
    tiny = b'{"preset": "tiny", "dataset": "sample", "tokenizer": "bytes"}'
    with ThreadPoolExecutor(40) as clients:
        with database.write() as session:
            session.connection()
            posts = [clients.submit(ask, port, "POST", "/jobs", tiny) for _ in range(40)]
            for path in ["/healthz", "/jobs", "/workers"] * 10:
                assert ask(port, "GET", path)[0] == 200
            if database.url.get_backend_name() == "sqlite":
                assert not any(post.done() for post in posts)
        assert {post.result()[0] for post in posts} == {201}
