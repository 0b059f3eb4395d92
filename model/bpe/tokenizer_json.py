"""Our tokenizers as the `tokenizer.json` of Hugging Face's library `tokenizers`, with the same ids."""

import json
from collections.abc import Sequence
from typing import Any

from model.tokenizers import END_OF_TEXT, byte_characters, checked_table


def gpt2_tokenizer() -> dict[str, Any]:
    """GPT-2's: its pattern is the default of `tokenizers`' ByteLevel."""
    vocabulary: dict[str, int] = json.loads(checked_table("encoder.json").read_bytes())
    # A first line that says "#version", then a merge a line.
    _, *lines = checked_table("vocab.bpe").read_text(encoding="utf-8").splitlines()
    merges = [line.split(" ") for line in lines if line]
    return byte_level_bpe(vocabulary, merges, vocabulary[END_OF_TEXT], splits_words=True)


def byte_tokenizer() -> dict[str, Any]:
    """A token for each byte of UTF-8: a BPE without merges."""
    vocabulary = {character: byte for byte, character in enumerate(byte_characters())}
    return byte_level_bpe(vocabulary, [], 256, splits_words=False)


def trained_tokenizer(merges: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The file of one that was trained on a data set: the 256 bytes, what the merges make of them, and the
    end of a text. Equal merges give equal bytes.

    merges  the pairs of tokens, in the order in which they are merged
    """
    characters = byte_characters()

    def written(token: bytes) -> str:
        return "".join(characters[byte] for byte in token)

    tokens = [*(bytes([byte]) for byte in range(256)), *(left + right for left, right in merges)]
    vocabulary = {written(token): number for number, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise ValueError("two merges make the same token")
    pairs = [[written(left), written(right)] for left, right in merges]
    content = byte_level_bpe(vocabulary, pairs, len(tokens), splits_words=True)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def byte_level_bpe(
    vocabulary: dict[str, int], merges: list[list[str]], end_of_text: int, *, splits_words: bool
) -> dict[str, Any]:
    """splits_words  whether by GPT-2's pattern; without, merges may cross words"""
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": splits_words,
    }
    special = {
        "id": end_of_text,
        "content": END_OF_TEXT,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {**vocabulary, END_OF_TEXT: end_of_text},
            "merges": merges,
        },
    }


TOKENIZER_JSON = {"gpt2": gpt2_tokenizer, "bytes": byte_tokenizer}
"""By the name of the tokenizer."""
