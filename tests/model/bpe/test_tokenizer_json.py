import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from model.bpe.tokenizer_json import TOKENIZER_JSON
from model.tokenizers import END_OF_TEXT, TOKENIZERS, load_tokenizer, without_surrogates

TEXTS = [
    "",
    " ",
    "a",
    "Every effort moves you",
    " leading and trailing ",
    "spaces     in    a row   \n\n\n  \t\t x",
    "\r\n\r\n \u00a0\u3000\u2028\u2029\x85\x1c\x1f end",
    "don't we'll I've 'S 'LL ' s",
    "12345 3.14159 ½ ④ 一二三 ٣",
    "naïve café Grüße ÅΩ",
    "今天天气很好，我们去散步吧。「そうですね」、行きましょう！ 한국어 문장",
    "👍🏽👨‍👩‍👧‍👦🏳️‍🌈🇩🇪 emoji",
    "e\u0301 zero\u200bwidth \ufeff\u202e",
    "def f(x):\n    return x**2  # comment\n",
    "\x00\x01\x7f",
    "lone \ud800 and \udfff, a pair \ud83d\ude00",
    "x" * 3_000,
    " " * 3_000,
]


@pytest.fixture(scope="module", params=list(TOKENIZERS))
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def exported(name: str) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(TOKENIZER_JSON[name]()))


@pytest.mark.parametrize("text", TEXTS)
def test_the_same_tokens_come_of_odd_texts(name: str, exported: Tokenizer, text: str) -> None:
    ids = load_tokenizer(name).encode(text)
    assert exported.encode(without_surrogates(text)).ids == ids
    assert exported.decode(ids) == without_surrogates(text)


@given(text=st.text())
def test_the_same_tokens_come_of_any_text(name: str, exported: Tokenizer, text: str) -> None:
    if END_OF_TEXT not in text:
        assert exported.encode(text).ids == load_tokenizer(name).encode(text)


def test_the_end_of_text_is_a_token(name: str, exported: Tokenizer) -> None:
    end = load_tokenizer(name).end_of_text
    assert exported.token_to_id(END_OF_TEXT) == end
    assert exported.encode(f"a{END_OF_TEXT}").ids[-1] == end
    assert exported.get_vocab_size() == load_tokenizer(name).vocab_size


def test_every_tokenizer_can_be_exported() -> None:
    assert TOKENIZER_JSON.keys() == TOKENIZERS.keys()
