"""Texts, prompts and names that might break what reads them: an answer or a 4xx for each; no process ends."""

import json
from typing import Any
from urllib.parse import quote, quote_from_bytes

import httpx2
import pytest

from jobs.states import Status
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.preparers import PATIENT
from tests.chaos.reference import small
from tests.chaos.service import Service
from tests.model.texts import ONE_OF_EACH_KIND

BODY_BYTES = 2**20
"""The largest body of most requests, and the largest text of a data set."""
MILLION = 1_000_000
ANSWERED = range(200, 300)
REFUSED = range(400, 500)
TOKENIZERS = ("gpt2", "bytes")
BETWEEN = {"nothing": ("", ""), "letters": ("x", "y"), "words": ("a word ", " 's")}
ODD_BYTES = {
    "a byte that UTF-8 never has": b"a\xffb",
    "a character cut off": "🎉".encode()[:3],
    "an overlong slash": b"\xc0\xaf",
    "a surrogate in UTF-8": b"\xed\xa0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "UTF-16": "text".encode("utf-16"),
    "NUL": b"\0",
    "a mark alone": "\u0301".encode(),
    "four bytes": "𝟘🎉".encode(),
    "right to left": "\u202e\u2066abc".encode(),
    "a way out": b"../../../etc/passwd",
    "a device": b"/dev/null",
    "escapes": b"\x1b[2J\r\n",
}
ODD_NAMES = [
    "é" * 200,
    "🎉" * 200,
    "\u0301",
    "\u202eabc",
    "../../etc/passwd",
    "CON",
    "a\nb",
    "\x1b[2J",
    "\ufeff",
    "'\"`",
]
REFUSED_NAMES = ["", "x" * MILLION, "\ud800", "a\0b"]


def longest(character: str, limit_bytes: int) -> str:
    """As many equal characters as one request takes, a million at most."""
    return character * min(
        MILLION, limit_bytes // len(json.dumps(character, ensure_ascii=False)[1:-1].encode())
    )


class Visitor:
    """Sends requests to a service, and expects of each an answer, and of the service that it lives on."""

    def __init__(self, service: Service, fault: Fault) -> None:
        self.service = service
        self.fault = fault
        self.pids = self._pids()

    def _pids(self) -> list[int]:
        return [process.pid for process in self.service.processes if process.alive]

    def send(self, what: str, method: str, path: str, **options: Any) -> httpx2.Response:
        self.fault.inject()
        answer = self.service.request(method, path, **options)
        status = answer.status_code
        self.fault.expect(status in ANSWERED or status in REFUSED, f"{what}: {status} {answer.text[:300]}")
        return answer

    def post(self, what: str, path: str, body: Any) -> httpx2.Response:
        content = json.dumps(body, ensure_ascii=False).encode(errors="surrogatepass")
        return self.send_bytes(what, path, content)

    def send_bytes(self, what: str, path: str, content: bytes) -> httpx2.Response:
        return self.send(what, "POST", path, content=content, headers={"Content-Type": "application/json"})

    def check_alive(self) -> None:
        self.fault.expect(self._pids() == self.pids, "a process of the service has ended")
        self.fault.expect(self.service.request("GET", "/healthz").status_code == 200, "the API is not well")


@pytest.fixture(scope="module")
def kinds(thorough: bool) -> list[str]:
    return (
        list(ONE_OF_EACH_KIND)
        if thorough
        else ["space", "line separator", "letter", "combining mark", "emoji"]
    )


@pytest.mark.fault(32)
def test_any_prompt_is_answered_or_refused(serve: Serve, fault: Fault, kinds: list[str]) -> None:
    service = serve(generators=1, preparers=1, **PATIENT)
    job_id = service.post(small(tokenizer="gpt2", training={"max_steps": 1}))
    service.wait_for_status(job_id, Status.SUCCEEDED)
    visitor = Visitor(service, fault)
    asked = {"job_id": job_id, "max_new_tokens": 1}
    for kind in kinds:
        for around, (before, after) in BETWEEN.items():
            run = longest(ONE_OF_EACH_KIND[kind], BODY_BYTES - 1000)
            prompt = before + run[len(before + after) :] + after
            what = f"a prompt of {len(prompt):,} times {kind} between {around}"
            answer = visitor.post(what, "/generate", {**asked, "prompt": prompt})
            fault.expect(answer.status_code == 200, f"{what}: {answer.status_code} {answer.text[:300]}")
            if answer.status_code == 200:
                fault.expect(answer.json()["prompt"] == prompt, f"{what}: came back changed")
    for kind, content in ODD_BYTES.items():
        body = b'{"job_id": "%b", "max_new_tokens": 1, "prompt": "%b"}' % (job_id.encode(), content)
        visitor.send_bytes(f"a prompt in JSON with {kind}", "/generate", body)
        query = f"/generate?job_id={job_id}&max_new_tokens=1&prompt={quote_from_bytes(content, safe='')}"
        visitor.send(f"a prompt in the query with {kind}", "GET", query)
    for escaped in (r"\ud800", r"\udc00\ud800", r"\ud83c\udf89", r"\u0000", r"\uffff"):
        body = b'{"job_id": "%b", "max_new_tokens": 1, "prompt": "%b"}' % (job_id.encode(), escaped.encode())
        visitor.send_bytes(f"a prompt with the escape {escaped}", "/generate", body)
    answer = service.request("POST", "/generate", json={**asked, "prompt": "Every effort"})
    fault.expect(answer.status_code == 200, f"the next prompt: {answer.status_code} {answer.text[:300]}")
    visitor.check_alive()


@pytest.mark.fault(32)
def test_any_text_is_trained_on_or_refused(
    serve: Serve, fault: Fault, kinds: list[str], thorough: bool
) -> None:
    service = serve(generators=1, preparers=1, **PATIENT)
    visitor = Visitor(service, fault)
    posted, in_bytes = {}, set()
    for number, kind in enumerate(kinds):
        text = "x" + longest(ONE_OF_EACH_KIND[kind], BODY_BYTES - 2) + "y"
        added = visitor.post(f"a text of {kind}", "/datasets", {"name": kind, "text": text})
        fault.expect(added.status_code == 201, f"a text of {kind}: {added.status_code} {added.text[:300]}")
        for tokenizer in TOKENIZERS if thorough else (TOKENIZERS[number % 2],):
            spec = small(
                dataset=added.json()["id"],
                tokenizer=tokenizer,
                training={"train_ratio": 0.99, "max_steps": 1, "num_epochs": 1},
            )
            answer = visitor.post(f"a job on {kind} in {tokenizer}", "/jobs", spec)
            if tokenizer == "bytes":  # of which any text has enough
                in_bytes.add((kind, tokenizer))
            if answer.status_code == 201:
                posted[kind, tokenizer] = answer.json()["id"]
    for what, job_id in posted.items():
        job = service.wait_for_status(job_id, Status.SUCCEEDED, Status.FAILED)
        fault.expect(job.status == Status.SUCCEEDED, f"a job on {what}: {job.error}")
    fault.expect(in_bytes <= posted.keys(), f"only {list(posted)} were taken")
    for kind, content in ODD_BYTES.items():
        body = b'{"name": "odd", "text": "a text with %b"}' % content
        visitor.send_bytes(f"a text with {kind}", "/datasets", body)
    visitor.check_alive()


@pytest.mark.fault(32)
def test_any_name_is_taken_or_refused(serve: Serve, fault: Fault) -> None:
    service = serve(workers=0)
    visitor = Visitor(service, fault)
    for number, name in enumerate(ODD_NAMES):
        what = f"the name {name[:20]!r}"
        text = f"a text of its own, {number}"
        added = visitor.post(f"{what} of a text", "/datasets", {"name": name, "text": text})
        fault.expect(added.status_code == 201, f"{what}: {added.status_code} {added.text[:300]}")
        posted = visitor.post(f"{what} of a job", "/jobs", small(name=name, metadata={"label": name}))
        fault.expect(posted.status_code == 201, f"{what}: {posted.status_code} {posted.text[:300]}")
        listed = visitor.send(f"{what}, asked for", "GET", f"/jobs?name={quote(name, safe='')}")
        fault.expect(
            [job["name"] for job in listed.json()["data"]] == [name],
            f"{what} was not found: {listed.text[:300]}",
        )
    for name in REFUSED_NAMES:
        what = f"the name {name[:20]!r}"
        for path, body in (("/datasets", {"name": name, "text": "a"}), ("/jobs", small(name=name))):
            answer = visitor.post(f"{what} at {path}", path, body)
            fault.expect(answer.status_code in REFUSED, f"{what} at {path}: {answer.status_code}")
    for kind, content in ODD_BYTES.items():
        for path in ("/jobs/", "/datasets/", "/"):
            answer = visitor.send(f"{path} and {kind}", "GET", path + quote_from_bytes(content, safe=""))
            fault.expect(answer.status_code in REFUSED, f"{path} and {kind}: {answer.status_code}")
    kept = {file.name for file in (service.settings.artifacts / "datasets").iterdir()}
    fault.expect(all(len(name) == len("f" * 64 + ".txt") for name in kept), f"files named by others: {kept}")
    visitor.check_alive()
