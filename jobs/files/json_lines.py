"""Telling JSON Lines, one object a line, from other text."""

import json
import shlex

LINES_CHECKED = 3
"""Prose has no three lines in a row that are JSON objects, nor all its lines where it has fewer."""


def looks_like_json_lines(text: str) -> bool:
    """Whether the first lines of `text` that are not empty are JSON objects, each by itself."""
    lines = 0
    start = 0
    while lines < LINES_CHECKED and start < len(text):
        end = text.find("\n", start)
        end = len(text) if end == -1 else end
        line = text[start:end].strip()
        start = end + 1
        if not line:
            continue
        if not is_object(line):
            return False
        lines += 1
    return lines > 0


def as_plain_text(file: str = "FILE") -> str:
    """The command that makes plain text of JSON Lines. `file` is the name under which it finds them."""
    return f"jq -r .text {shlex.quote(file)} > {shlex.quote(f'{file}.txt')}"


def is_object(line: str) -> bool:
    if not (line.startswith("{") and line.endswith("}")):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
