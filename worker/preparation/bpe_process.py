"""`python -m worker.preparation.bpe_process PARENT_PID FILE START_BYTES VOCAB_SIZE`: trains a tokenizer.

A process of its own, so that the library's memory goes with it, and a worker that is asked to end can end it.
Prints how many bytes of the file it has read, a number on each line, and last its `tokenizer.json`.
"""

import sys
from pathlib import Path

from jobs.process.parent_death import die_with_parent
from model.bpe.tokenizer_json import trained_tokenizer
from model.bpe.training import train_merges

REPORT_BYTES = 2**22


def main() -> None:
    parent_pid, path, start_bytes, vocab_size = sys.argv[1:]
    die_with_parent(int(parent_pid))
    output = sys.stdout.buffer
    reported = 0

    def report(read_bytes: int) -> None:
        nonlocal reported
        if read_bytes - reported >= REPORT_BYTES:
            reported = read_bytes
            output.write(b"%d\n" % read_bytes)
            output.flush()

    merges = train_merges(Path(path), int(start_bytes), int(vocab_size), report)
    output.write(trained_tokenizer(merges) + b"\n")
    output.flush()


if __name__ == "__main__":
    main()
