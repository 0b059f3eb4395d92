"""What a document has to be run: its fenced blocks of shell commands, `sh`, and of Python."""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"^```(?P<language>\w+)(?: (?P<mark>[\w-]+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)

END_JOBS = "trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT"
"""So that nothing that a script has started outlives it where it fails."""


@dataclass(frozen=True)
class Block:
    """Commands, and where they stand.

    mark  the second word of the fence's info string, which says why tests can't run them; "" where they do
    """

    line: int
    mark: str
    text: str


def blocks_of(document: Path, language: str = "sh") -> list[Block]:
    """Its blocks of that language, in order."""
    text = document.read_text()
    return [
        Block(text.count("\n", 0, fence.start()) + 2, fence["mark"] or "", fence["text"])
        for fence in FENCE.finditer(text)
        if fence["language"] == language
    ]


def script_of(document: Path, blocks: list[Block]) -> str:
    """One script of them all, which says on standard error which block it is at."""
    told = [f"echo '{document.name}, line {block.line}' >&2\n{block.text}" for block in blocks]
    return "\n".join(["set -euo pipefail", END_JOBS, *told])
