"""Our tokenizers as the `tokenizer.json` of Hugging Face's library `tokenizers`, with the same ids."""

import json
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
