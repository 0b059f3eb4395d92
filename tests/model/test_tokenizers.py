import json
import re
import sys
from unittest.mock import patch

import pytest
import tiktoken
import tokenizers
from hypothesis import example, given
from hypothesis import strategies as st

from model.tokenizers import (
    CLAUSE_BEGINS,
    LONG_RUN,
    TOKENIZERS,
    WHITE_SPACE,
    checked_table,
    gpt2_ranks,
    load_tokenizer,
)
from tests.model.texts import ASSIGNED_TEXTS, ONE_OF_EACH_KIND, TEXTS


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@given(text=TEXTS)
@example(text="<|endoftext|>")
@example(text="naïve café — 你好 🎉\r\n\t  x")
def test_any_text_comes_back(name, text):
    tokenizer = load_tokenizer(name)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode_bytes(ids) == text.encode()
    assert all(0 <= token < tokenizer.vocab_size and token != tokenizer.end_of_text for token in ids)


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@given(text=TEXTS)
def test_the_buffer_has_the_same_ids(name, text):
    tokenizer = load_tokenizer(name)
    assert tokenizer.encode_buffer(text).tolist() == tokenizer.encode(text)


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@given(before=TEXTS, text=TEXTS, after=TEXTS)
@example(before=" ", text="x <|endoftext|>\n\n", after=" y")
@example(before=" '", text="!。你'", after="s")
def test_both_sides_of_a_boundary_can_be_encoded_apart_whatever_stands_around(name, before, text, after):
    tokenizer = load_tokenizer(name)
    boundary = tokenizer.last_boundary(text)
    if boundary is not None:
        left, right = before + text[:boundary], text[boundary:] + after
        assert tokenizer.encode(left) + tokenizer.encode(right) == tokenizer.encode(left + right)


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        ("two words and more", 13),
        ("a line\n", 6),
        ("a line  \n\n ", 6),
        ("word", None),
        (" \n ", None),
        (" word", None),
        ("", None),
        ("春眠不覺曉。處處聞啼鳥。", 6),
        ("行く川の、ながれは", 5),
        ("一行。\n二行", 3),
        ("你好", None),
        ("。。", None),
        ("'。s", None),
    ],
)
def test_a_boundary_of_gpt2_is_where_white_space_begins_or_after_chinese_punctuation(text, boundary):
    assert load_tokenizer("gpt2").last_boundary(text) == boundary


CHARACTERS = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)


def matched_by_tiktoken(pattern):
    """The characters that match, in order."""
    single_bytes = {bytes([value]): value for value in range(256)}
    encoding = tiktoken.Encoding("matched", pat_str=pattern, mergeable_ranks=single_bytes, special_tokens={})
    return encoding.decode(encoding.encode_ordinary(CHARACTERS))  # what the pattern skips has no tokens


def test_white_space_is_what_it_is_to_tiktoken():
    assert set(matched_by_tiktoken(r"\s")) == set(WHITE_SPACE)
    assert WHITE_SPACE.isspace()


def test_where_a_clause_begins_a_letter_follows_punctuation_to_tiktoken_too():
    punctuation, letters = (
        re.findall(one, CHARACTERS) for one in CLAUSE_BEGINS.removesuffix(")").split("(?=")
    )
    assert set(punctuation) <= set(matched_by_tiktoken(r"[^\s\p{L}\p{N}]"))
    assert set(letters) <= set(matched_by_tiktoken(r"\p{L}"))
    assert (len(punctuation), len(letters)) == (7, 86 + 90 + 20_902)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Every effort moves you", [6109, 3626, 6100, 345]),
        (
            "I HAD always thought Jack Gisburn rather a cheap genius",
            [40, 367, 2885, 1464, 1807, 3619, 402, 271, 10899, 2138, 257, 7026, 15632],
        ),
        ("Hello, I am", [15496, 11, 314, 716]),
        ("it's  2024!\n\n", [270, 338, 220, 48609, 0, 628]),
        ("", []),
    ],
)
def test_gpt2s_ids_are_the_published_ones(text, ids):
    assert load_tokenizer("gpt2").encode(text) == ids


@pytest.fixture(scope="module")
def as_released():
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return tiktoken.Encoding("release", pat_str=pattern, mergeable_ranks=gpt2_ranks(), special_tokens={})


@given(text=TEXTS)
@example(text="I'll  say\n\n 'it''s' 2024's  \t")
def test_gpt2s_ids_are_those_of_the_pattern_as_it_was_released(as_released, text):
    assert load_tokenizer("gpt2").encode(text) == as_released.encode_ordinary(text)


@pytest.fixture(scope="module")
def reference_encode():
    """GPT-2's tokenizer in the library `tokenizers`, from the same two tables."""
    merges = checked_table("vocab.bpe").read_text().splitlines()[1:]
    reference = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            json.loads(checked_table("encoder.json").read_text()), [tuple(line.split()) for line in merges]
        )
    )
    reference.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return lambda text: reference.encode(text).ids


RUNS = st.builds(str.__mul__, st.sampled_from(sorted(ONE_OF_EACH_KIND.values())), st.integers(1, 12))
TEXTS_OF_RUNS = st.lists(RUNS | ASSIGNED_TEXTS, max_size=6).map("".join)


@given(text=TEXTS_OF_RUNS, long_run=st.integers(1, 9))
@example(text="a   b", long_run=3)
@example(text="   b", long_run=3)
@example(text="b   ", long_run=3)
@example(text="    \n\n\n", long_run=3)
@example(text="a  \nb  \nc   ", long_run=2)
def test_gpt2s_ids_are_those_of_another_implementation_wherever_long_runs_begin(
    reference_encode, text, long_run
):
    with patch("model.tokenizers.LONG_RUN", long_run):
        tokenizer = load_tokenizer("gpt2")
        assert tokenizer.encode(text) == tokenizer.encode_buffer(text).tolist() == reference_encode(text)


@pytest.mark.parametrize("around", [("", ""), ("x", ""), ("", "y"), (" x", " y"), ("x\n", "'s")], ids=str)
@pytest.mark.parametrize("length", [LONG_RUN - 1, LONG_RUN, LONG_RUN + 1, 2 * LONG_RUN - 1, 2 * LONG_RUN])
def test_runs_of_white_space_about_as_long_as_the_limit_have_the_ids_of_another_implementation(
    reference_encode, length, around
):
    before, after = around
    text = before + " " * (length - 1) + "\t" + after
    assert load_tokenizer("gpt2").encode(text) == reference_encode(text)


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@pytest.mark.parametrize("kind", ONE_OF_EACH_KIND)
@pytest.mark.slow
def test_a_million_equal_characters_of_any_kind_come_back(name, kind):
    tokenizer, text = load_tokenizer(name), ONE_OF_EACH_KIND[kind] * 1_000_000
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", [" " * 1_000_000, "x" + " " * 1_048_574 + "y", " \n\t" * 400_000 + "'s"])
@pytest.mark.slow
def test_white_space_that_fills_tiktokens_stack_has_the_ids_of_another_implementation(reference_encode, text):
    tokenizer = load_tokenizer("gpt2")
    expected = reference_encode(text)
    assert tokenizer.encode(text) == expected
    assert tokenizer.encode_buffer(text).tolist() == expected


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_a_lone_surrogate_becomes_a_replacement_character(name):
    tokenizer = load_tokenizer(name)
    for text in ("a\ud800b", "\udc80", "\ud83c\udf89" + " " * 70_000 + "\ud83c"):
        assert tokenizer.encode(text) == tokenizer.encode_buffer(text).tolist()
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"


def test_gpt2_knows_50257_tokens_of_which_the_last_ends_a_text():
    tokenizer = load_tokenizer("gpt2")
    assert (tokenizer.vocab_size, tokenizer.end_of_text) == (50257, 50256)
    assert tokenizer.decode([50256]) == "<|endoftext|>"


def test_bytes_are_their_own_ids_and_the_end_of_a_text_follows_them():
    tokenizer = load_tokenizer("bytes")
    assert tokenizer.encode("é") == [0xC3, 0xA9]
    assert tokenizer.decode([104, 105, tokenizer.end_of_text]) == "hi<|endoftext|>"
    assert tokenizer.decode([0xC3]) == "\ufffd"
