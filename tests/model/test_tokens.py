import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.tokens import TOKENIZERS, load_tokenizer

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


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


def test_gpt2_knows_50257_tokens_of_which_the_last_ends_a_text():
    tokenizer = load_tokenizer("gpt2")
    assert (tokenizer.vocab_size, tokenizer.end_of_text) == (50257, 50256)
    assert tokenizer.decode([50256]) == "<|endoftext|>"


def test_bytes_are_their_own_ids_and_the_end_of_a_text_follows_them():
    tokenizer = load_tokenizer("bytes")
    assert tokenizer.encode("é") == [0xC3, 0xA9]
    assert tokenizer.decode([104, 105, tokenizer.end_of_text]) == "hi<|endoftext|>"
    assert tokenizer.decode([0xC3]) == "\ufffd"
