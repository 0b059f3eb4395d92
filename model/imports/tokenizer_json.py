"""Which of our tokenizers a model from outside was trained with.

`tokenizer_of` alone decides; what it refuses today a later version may take.
"""

from typing import Any

from model.imports.bad_model import BadModel, shown
from model.imports.json_file import parse_object
from model.tokenizers import END_OF_TEXT, byte_characters, gpt2_ranks

OWN_TOKENIZERS = "must be GPT-2's, or that of the tokenizer `bytes`; own tokenizers: not supported yet"
FIRST_MERGED = 256
"""The id of GPT-2's first token of more than a byte: those before are the 256 bytes."""


def tokenizer_of(vocab_size: int, tokenizer_json: bytes | None) -> str:
    """The name of the tokenizer with those tokens.

    vocab_size      of the model
    tokenizer_json  Hugging Face's file; None: GPT-2's, as its publication has it
    raises          BadModel if it is none of ours, or of another size than the model's vocabulary
    """
    if tokenizer_json is None:
        name, size, source = "gpt2", len(gpt2_ranks()) + 1, "GPT-2's tokens, as no tokenizer.json was sent"
    else:
        name, size = recognise(parse_object(tokenizer_json, "tokenizer.json"))
        source = f"the tokens of tokenizer.json (`{name}`)"
    if vocab_size != size:
        raise BadModel(f"config.json: vocab_size is {vocab_size:,}; must be {size:,}, {source}")
    return name


def recognise(tokenizer: dict[str, Any]) -> tuple[str, int]:
    """Name and size of the tokenizer. raises  BadModel"""
    model = member(tokenizer, "model", dict)
    if model.get("type", "BPE") != "BPE":
        raise BadModel(f"tokenizer.json: model.type is {shown(model['type'])}; {OWN_TOKENIZERS}")
    if tokenizer.get("normalizer") is not None:
        raise BadModel(f"tokenizer.json: normalizer is {shown(tokenizer['normalizer'])}; must be null")
    vocabulary, merges = member(model, "vocab", dict), member(model, "merges", list)
    tokens = {token: number for token, number in vocabulary.items() if token != END_OF_TEXT}
    check_end_of_text(tokenizer, vocabulary, len(tokens))
    characters = byte_characters()
    if not merges and tokens == {character: byte for byte, character in enumerate(characters)}:
        return "bytes", len(tokens) + 1
    ids = {"".join(characters[byte] for byte in token): rank for token, rank in gpt2_ranks().items()}
    if tokens != ids:
        raise BadModel(f"tokenizer.json: its {len(tokens):,} tokens are not GPT-2's; {OWN_TOKENIZERS}")
    if [ids.get(joined(merge)) for merge in merges] != list(range(FIRST_MERGED, len(ids))):
        raise BadModel(f"tokenizer.json: its {len(merges):,} merges are not GPT-2's; {OWN_TOKENIZERS}")
    check_pretokenizer(tokenizer.get("pre_tokenizer"))
    return "gpt2", len(tokens) + 1


def check_end_of_text(tokenizer: dict[str, Any], vocabulary: dict[str, Any], expected: int) -> None:
    """It is the last token, and the only special one. raises  BadModel"""
    if vocabulary.get(END_OF_TEXT, expected) != expected:
        raise BadModel(
            f"tokenizer.json: the id of {END_OF_TEXT} is {shown(vocabulary[END_OF_TEXT])}; must be "
            f"{expected:,}, behind all others"
        )
    added = tokenizer.get("added_tokens") or []
    for token in added if isinstance(added, list) else [added]:
        if not isinstance(token, dict) or (token.get("content"), token.get("id")) != (END_OF_TEXT, expected):
            raise BadModel(
                f"tokenizer.json: added_tokens has {shown(token)}; must have {END_OF_TEXT} alone, with the "
                f"id {expected:,}"
            )


def check_pretokenizer(pretokenizer: Any) -> None:
    """raises  BadModel unless it splits text as GPT-2 does"""
    if (
        not isinstance(pretokenizer, dict)
        or pretokenizer.get("type") != "ByteLevel"
        or pretokenizer.get("add_prefix_space") is not False
        or pretokenizer.get("use_regex", True) is not True
    ):
        raise BadModel(
            f"tokenizer.json: pre_tokenizer is {shown(pretokenizer)}; must be GPT-2's, ByteLevel with "
            "add_prefix_space false"
        )


def joined(merge: Any) -> str:
    """The token that a merge makes; older files have its two parts in one text, with a space between.

    raises  BadModel
    """
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise BadModel(f"tokenizer.json: model.merges has {shown(merge)}; must be pairs of texts")
    return "".join(parts)


def member(parent: dict[str, Any], key: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    """raises  BadModel if it is missing or of another type"""
    value = parent.get(key)
    if not isinstance(value, kind):
        what = "an object" if kind is dict else "an array"
        raise BadModel(f"tokenizer.json: {key} is {shown(value)}; must be {what}")
    return value
