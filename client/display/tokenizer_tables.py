"""Tokenizers as tables and lists for people. What an older service does not send is left out."""

from collections.abc import Sequence

from client.display.formats import as_count, or_dash
from client.display.table import print_table
from client.http.types import JSON
from client.plain_text import one_line


def print_tokenizer(tokenizer: JSON) -> None:
    fraction, measured = tokenizer.get("fraction"), tokenizer.get("measured_bytes")
    is_preparing = tokenizer.get("status") == "preparing"
    facts = {
        "id": tokenizer["id"],
        "name": tokenizer["name"],
        "status": tokenizer.get("status"),
        "done": f"{fraction:.0%}" if is_preparing and fraction is not None else None,
        "error": tokenizer.get("error"),
        "data set": tokenizer.get("dataset"),
        "vocabulary": describe_size(tokenizer),
        "bytes per token": describe_compression(tokenizer),
        "measured on": f"the first {as_count(measured)} bytes of its text" if measured else None,
        "sha256": tokenizer.get("sha256"),
        "created": tokenizer.get("created_at"),
    }
    for name, value in facts.items():
        if value is not None:
            print(f"{name:<16} {one_line(value)}")


def describe_size(tokenizer: JSON) -> str | None:
    size, asked = tokenizer.get("vocab_size"), tokenizer.get("asked_vocab_size")
    if size is None:
        return None if asked is None else f"{as_count(asked)} tokens at most"
    smaller = f" of {as_count(asked)} that were asked for: its text has no more" if asked != size else ""
    return f"{as_count(size)} tokens{smaller}"


def describe_compression(tokenizer: JSON) -> str | None:
    own, gpt2 = tokenizer.get("bytes_per_token"), tokenizer.get("gpt2_bytes_per_token")
    if own is None:
        return None
    return f"{own:.3f}, those of gpt2 {or_dash(gpt2, '{:.3f}')}"


def describe_outcome(tokenizer: JSON) -> str:
    """Of one that is ready, in a sentence."""
    parts = [part for part in (describe_size(tokenizer), describe_compression(tokenizer)) if part]
    return f"Trained: {'; bytes per token '.join(parts)}."


def print_tokenizers(tokenizers: Sequence[JSON]) -> None:
    print_table(
        ["ID", "NAME", "STATUS", "TOKENS#", "BYTES/TOKEN#", "DATA SET"],
        [
            [
                one_line(tokenizer["id"]),
                one_line(tokenizer["name"]),
                or_dash(tokenizer.get("status")),
                as_count(tokenizer.get("vocab_size")),
                or_dash(tokenizer.get("bytes_per_token"), "{:.3f}"),
                or_dash(tokenizer.get("dataset")),
            ]
            for tokenizer in tokenizers
        ],
        drop_order=["DATA SET", "BYTES/TOKEN", "TOKENS", "NAME", "STATUS"],
        shrinkable="NAME",
    )
