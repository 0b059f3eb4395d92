"""Trains one tokenizer, in a process of its own, and measures it on the start of its own text."""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from jobs.lifecycle.tokenizers import TrainedFacts
from jobs.settings import Settings
from model.storage.splits import DOCUMENT_END, TextFile, read_splits
from model.tokenizers import Tokenizer, load_own, load_tokenizer
from worker.oom import kernel_oom_kills
from worker.preparation.preparer import ProcessLost

log = logging.getLogger(__name__)

MEASURED_BYTES = 8 * 2**20
"""Of the start of a text, that its tokenizer is measured on, beside GPT-2's: some seconds of work."""
MEASURED_CHUNK_BYTES = 2**18
STDERR_BYTES = 4000
READ_SHARE = 0.9
"""Of the whole work that is done once the text is read: merging and measuring take the rest."""

OnProgress = Callable[[float], object]


@dataclass(frozen=True)
class Trained:
    content: bytes
    """The `tokenizer.json`."""
    facts: TrainedFacts


def train_tokenizer(
    settings: Settings, name: str, text: TextFile, vocab_size: int, on_progress: OnProgress
) -> Trained:
    """
    name         the id of the tokenizer
    on_progress  called again and again with the share that is done, as long as the work gets on; may raise
    raises       ProcessLost, OSError
    """
    content = run_process(settings, text, vocab_size, on_progress)
    tokenizer = load_own(name, content)
    measured_bytes, measured_tokens, measured_gpt2_tokens = measure(
        text, tokenizer, load_tokenizer("gpt2"), lambda: on_progress(READ_SHARE)
    )
    facts = TrainedFacts(
        vocab_size=tokenizer.vocab_size,
        sha256=tokenizer.sha256,
        measured_bytes=measured_bytes,
        measured_tokens=measured_tokens,
        measured_gpt2_tokens=measured_gpt2_tokens,
    )
    return Trained(content, facts)


def run_process(settings: Settings, text: TextFile, vocab_size: int, on_progress: OnProgress) -> bytes:
    """The `tokenizer.json` that the process prints. It is killed if `on_progress` raises."""
    oom_kills = kernel_oom_kills()
    process = start_process(settings, text, vocab_size)
    assert process.stdout is not None
    assert process.stderr is not None
    output, errors = Lines(process.stdout), Tail(process.stderr)
    try:
        last = follow(settings, process, output, text.path.stat().st_size, on_progress)
        status = process.wait()
    finally:
        process.kill()
        process.wait()
        output.join()
        errors.join()
        process.stdout.close()
        process.stderr.close()
    if status == -signal.SIGKILL and kernel_oom_kills() > oom_kills:
        raise ProcessLost("the system has killed the process that trained it: there was too little memory")
    if status != 0 or last is None:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise ProcessLost(f"the process that trained it {how}{errors.last_line()}")
    return last


def start_process(settings: Settings, text: TextFile, vocab_size: int) -> subprocess.Popen[bytes]:
    """As nice as this process is."""
    threads = settings.threads or os.cpu_count() or 1
    arguments = [str(os.getpid()), str(text.path), str(text.start_bytes), str(vocab_size)]
    return subprocess.Popen(
        [sys.executable, "-m", "worker.preparation.bpe_process", *arguments],
        env={**os.environ, "RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def follow(
    settings: Settings, process: subprocess.Popen[bytes], lines: "Lines", text_bytes: int, report: OnProgress
) -> bytes | None:
    """The last line that the process prints; None if it has ended without.

    raises  ProcessLost if it does nothing for as long as a lease: it says nothing while it merges, but works
    """
    fraction, last = 0.0, None
    worked_s, got_on_at_s = processor_s(process.pid), time.monotonic()
    while True:
        try:
            line = lines.get(settings.renew_s)
        except queue.Empty:
            now_worked_s = processor_s(process.pid)
            if now_worked_s is not None and now_worked_s == worked_s:
                if time.monotonic() - got_on_at_s > settings.lease_s:
                    raise ProcessLost("the process that trained it hangs") from None
                continue
            worked_s = now_worked_s
        else:
            if line is None:
                return last
            last = line
            if line.isdigit():
                fraction, last = READ_SHARE * min(1.0, int(line) / text_bytes), None
        got_on_at_s = time.monotonic()
        report(fraction)


def processor_s(pid: int) -> float | None:
    """Seconds of processor time that a process has had; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime and stime


class Lines:
    """Those that a process prints, read by a thread."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._stream:
            self._lines.put(line.rstrip(b"\n"))
        self._lines.put(None)

    def get(self, timeout_s: float) -> bytes | None:
        """The next; None at the end. raises queue.Empty"""
        return self._lines.get(timeout=timeout_s)

    def join(self) -> None:
        self._thread.join()


class Tail:
    """The end of what a process writes, read by a thread so that it never waits for a reader."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._content = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while block := self._stream.read1(STDERR_BYTES):  # type: ignore[attr-defined]
            self._content = (self._content + block)[-STDERR_BYTES:]

    def join(self) -> None:
        self._thread.join()

    def last_line(self) -> str:
        lines = self._content.decode(errors="replace").strip().splitlines()
        return f": {lines[-1][:200]}" if lines else ""


def measure(
    text: TextFile, tokenizer: Tokenizer, other: Tokenizer, on_chunk: Callable[[], object]
) -> tuple[int, int, int]:
    """Bytes of the start of a text, and of them the tokens of two tokenizers, without the ends of
    documents."""
    measured = tokens = other_tokens = 0
    for _, chunk in read_splits(text, 0.9, tokenizer.last_boundary, MEASURED_CHUNK_BYTES):
        for document in chunk.split(DOCUMENT_END):
            measured += len(document.encode())
            tokens += len(tokenizer.encode(document))
            other_tokens += len(other.encode(document))
        on_chunk()
        if measured >= MEASURED_BYTES:
            break
    return measured, tokens, other_tokens
