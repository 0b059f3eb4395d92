import re
import sys

import pytest
import tiktoken
from hypothesis import example, given

from model.tokens import CLAUSE_BEGINS, TOKENIZERS, gpt2_ranks, load_tokenizer
from tests.model.texts import TEXTS


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
def test_both_sides_of_a_cut_can_be_encoded_apart_whatever_stands_around(name, before, text, after):
    tokenizer = load_tokenizer(name)
    cut = tokenizer.last_cut(text)
    if cut is not None:
        left, right = before + text[:cut], text[cut:] + after
        assert tokenizer.encode(left) + tokenizer.encode(right) == tokenizer.encode(left + right)


@pytest.mark.parametrize(
    ("text", "cut"),
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
def test_gpt2_is_cut_where_white_space_begins_or_after_chinese_punctuation(text, cut):
    assert load_tokenizer("gpt2").last_cut(text) == cut


CHARACTERS = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)


def found_by_tiktoken(pattern):
    """Of all characters those that match, in order."""
    single_bytes = {bytes([value]): value for value in range(256)}
    encoding = tiktoken.Encoding("found", pat_str=pattern, mergeable_ranks=single_bytes, special_tokens={})
    return encoding.decode(encoding.encode_ordinary(CHARACTERS))  # what the pattern skips has no tokens


def test_all_that_is_white_space_to_tiktoken_is_so_to_python():
    found = found_by_tiktoken(r"\s")
    assert {" ", "\n", "\x85", "\u3000"} < set(found)
    assert found.isspace()


def test_where_a_clause_begins_a_letter_follows_punctuation_to_tiktoken_too():
    punctuation, letters = (
        re.findall(one, CHARACTERS) for one in CLAUSE_BEGINS.removesuffix(")").split("(?=")
    )
    assert set(punctuation) <= set(found_by_tiktoken(r"[^\s\p{L}\p{N}]"))
    assert set(letters) <= set(found_by_tiktoken(r"\p{L}"))
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


def test_gpt2_knows_50257_tokens_of_which_the_last_ends_a_text():
    tokenizer = load_tokenizer("gpt2")
    assert (tokenizer.vocab_size, tokenizer.end_of_text) == (50257, 50256)
    assert tokenizer.decode([50256]) == "<|endoftext|>"


def test_bytes_are_their_own_ids_and_the_end_of_a_text_follows_them():
    tokenizer = load_tokenizer("bytes")
    assert tokenizer.encode("é") == [0xC3, 0xA9]
    assert tokenizer.decode([104, 105, tokenizer.end_of_text]) == "hi<|endoftext|>"
    assert tokenizer.decode([0xC3]) == "\ufffd"
