"""Tokenizers that were trained on a text, as a worker trains them, and a slow, obvious BPE beside them."""

import itertools
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import regex

from model.bpe.tokenizer_json import trained_tokenizer
from model.bpe.training import train_merges
from model.tokenizers import GPT2_PATTERN, BPETokenizer, byte_characters, load_tokenizer

Merges = list[tuple[bytes, bytes]]

STORY = (
    "Ana counted the boats in the harbour, and counted them again: it's 12345 boats, she'll say.\n"
    "今天天气很好，今天天气很好。 Grüße, naïve café! 👍🏽👍🏽\r\n\tdef f(x):\n\t\treturn x ** 2  # twice\n"
) * 30


def merges_of(text: str, vocab_size: int) -> Merges:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        path.write_bytes(text.encode())
        return train_merges(path, 0, vocab_size)


@cache
def story_tokenizer(vocab_size: int = 400, name: str = "tokenizer-0123456789abcdef") -> BPETokenizer:
    """Trained on `STORY`."""
    tokenizer = load_tokenizer(name, trained_tokenizer(merges_of(STORY, vocab_size)))
    assert isinstance(tokenizer, BPETokenizer)
    return tokenizer


def slow_encode(text: str, ranks: dict[bytes, int]) -> list[int]:
    """Each word as bytes, of which the pair with the lowest rank is merged, the left one first, until none
    has a rank."""
    ids: list[int] = []
    for word in regex.findall(GPT2_PATTERN, text):
        parts = [bytes([byte]) for byte in word.encode()]
        while True:
            pairs = [left + right for left, right in itertools.pairwise(parts)]
            known = [pair for pair in pairs if pair in ranks]
            if not known:
                break
            place = pairs.index(min(known, key=ranks.__getitem__))
            parts[place : place + 2] = [pairs[place]]
        ids += [ranks[part] for part in parts]
    return ids


def slow_merges(text: str, count: int) -> Merges:
    """The most frequent pair of all words is merged, again and again; of equals the oldest tokens first."""
    words = Counter(regex.findall(GPT2_PATTERN, text))
    characters = byte_characters()
    age = {bytes([byte]): ord(characters[byte]) for byte in range(256)}
    split = {word: [bytes([byte]) for byte in word.encode()] for word in words}
    merges: Merges = []
    while len(merges) < count:
        pairs: Counter[tuple[bytes, bytes]] = Counter()
        for word, parts in split.items():
            for pair in itertools.pairwise(parts):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], age[pair[0]], age[pair[1]]), default=None)
        if best is None or pairs[best] < 2:
            break
        merges.append(best)
        age.setdefault(b"".join(best), 1_000_000 + len(merges))
        for parts in split.values():
            place = 0
            while place < len(parts) - 1:
                if (parts[place], parts[place + 1]) == best:
                    parts[place : place + 2] = [b"".join(best)]
                place += 1
    return merges
