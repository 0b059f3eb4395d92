import json
from collections.abc import Callable
from typing import Any

import pytest

from model.bpe.tokenizer_json import byte_tokenizer, gpt2_tokenizer
from model.imports.bad_model import BadModel
from model.imports.tokenizer_json import tokenizer_of
from model.tokenizers import END_OF_TEXT


def name_of(tokenizer: Any, vocab_size: int = 50257) -> str:
    return tokenizer_of(vocab_size, json.dumps(tokenizer).encode())


def test_the_tokenizers_that_we_export_are_recognised() -> None:
    assert name_of(gpt2_tokenizer()) == "gpt2"
    assert name_of(byte_tokenizer(), 257) == "bytes"


def test_gpt2s_published_file_has_its_merges_as_texts_and_says_less() -> None:
    tokenizer = gpt2_tokenizer()
    tokenizer["model"]["merges"] = [" ".join(merge) for merge in tokenizer["model"]["merges"]]
    del tokenizer["model"]["type"]
    tokenizer["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    assert name_of(tokenizer) == "gpt2"
    del tokenizer["model"]["vocab"][END_OF_TEXT]
    assert name_of(tokenizer) == "gpt2", "it may be among the added tokens alone"


def test_without_a_file_the_vocabulary_must_have_gpt2s_size() -> None:
    assert tokenizer_of(50257, None) == "gpt2"
    with pytest.raises(
        BadModel, match=r"vocab_size is 50,304; must be 50,257, GPT-2's tokens, as no tokenizer"
    ):
        tokenizer_of(50304, None)


def test_the_models_vocabulary_must_be_the_tokenizers() -> None:
    with pytest.raises(
        BadModel, match=r"vocab_size is 300; must be 257, the tokens of tokenizer.json \(`bytes`\)"
    ):
        name_of(byte_tokenizer(), 300)


def without_a_token(tokenizer: dict[str, Any]) -> None:
    del tokenizer["model"]["vocab"]["Ġthe"]


def swapped_merges(tokenizer: dict[str, Any]) -> None:
    merges = tokenizer["model"]["merges"]
    merges[5], merges[6] = merges[6], merges[5]


def with_a_prefix_space(tokenizer: dict[str, Any]) -> None:
    tokenizer["pre_tokenizer"]["add_prefix_space"] = True


def lowercased(tokenizer: dict[str, Any]) -> None:
    tokenizer["normalizer"] = {"type": "Lowercase"}


def of_word_pieces(tokenizer: dict[str, Any]) -> None:
    tokenizer["model"]["type"] = "WordPiece"


def with_another_token(tokenizer: dict[str, Any]) -> None:
    tokenizer["added_tokens"].append({"id": 50257, "content": "<|pad|>"})


def with_another_end(tokenizer: dict[str, Any]) -> None:
    tokenizer["model"]["vocab"][END_OF_TEXT] = 7


def with_a_broken_merge(tokenizer: dict[str, Any]) -> None:
    tokenizer["model"]["merges"][0] = [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_a_token, "the id of <|endoftext|> is 50256; must be 50,255"),
        (swapped_merges, "its 50,000 merges are not GPT-2's; .*own tokenizers: not supported yet"),
        (with_a_prefix_space, "pre_tokenizer is .*; must be GPT-2's, ByteLevel with add_prefix_space false"),
        (lowercased, "normalizer is {'type': 'Lowercase'}; must be null"),
        (of_word_pieces, "model.type is 'WordPiece'; .*own tokenizers: not supported yet"),
        (with_another_token, "added_tokens has .*; must have <|endoftext|> alone, with the id 50,256"),
        (with_another_end, "the id of <|endoftext|> is 7; must be 50,256, behind all others"),
        (with_a_broken_merge, r"model.merges has \[1, 2\]; must be pairs of texts"),
    ],
)
def test_another_tokenizer_is_refused_for_now(change: Callable[[dict[str, Any]], None], message: str) -> None:
    tokenizer = gpt2_tokenizer()
    change(tokenizer)
    with pytest.raises(BadModel, match=message.replace("|", r"\|")):
        name_of(tokenizer)


@pytest.mark.parametrize("content", [b"{}", b'{"model": []}', b'{"model": {"vocab": {}}}', b"[]", b"{"])
def test_what_is_no_tokenizer_is_refused(content: bytes) -> None:
    with pytest.raises(BadModel, match=r"^tokenizer.json"):
        tokenizer_of(257, content)
