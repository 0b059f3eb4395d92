from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.files.token_parts import MARGIN, TokenPart, read_token_part
from model.tokenizers import Tokenizer, load_tokenizer
from tests.model.own_tokenizer import STORY, story_tokenizer
from tests.model.texts import TEXTS

BY_NAME = {"gpt2": load_tokenizer("gpt2"), "bytes": load_tokenizer("bytes"), "own": story_tokenizer()}
DOCUMENTS = st.lists(TEXTS, min_size=1, max_size=4).map("\0".join)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("part") / "text"


def read(file: Path, text: str, tokenizer: Tokenizer, offset: int, limit: int) -> TokenPart:
    file.write_bytes(text.encode())
    return read_token_part(file, tokenizer, offset, limit, start_bytes=0, characters=len(text))


def tokens_with_places(text: str, tokenizer: Tokenizer) -> list[tuple[int, int, int]]:
    """Of the whole text: each token's id, and the bytes where it begins and ends."""
    places, end = [], 0
    for number, document in enumerate(text.split("\0")):
        if number:
            places.append((tokenizer.end_of_text, end, end + 1))
            end += 1
        for token in tokenizer.encode(document):
            start, end = end, end + len(tokenizer.decode_bytes([token]))
            places.append((token, start, end))
    return places


@pytest.mark.parametrize("name", BY_NAME)
@given(text=DOCUMENTS, offset=st.integers(0, 200), limit=st.integers(1, 60))
def test_a_parts_tokens_are_those_of_the_whole_text(
    file: Path, name: str, text: str, offset: int, limit: int
) -> None:
    tokenizer = BY_NAME[name]
    part = read(file, text, tokenizer, offset, limit)
    assert part.is_exact
    assert part.text == text[part.offset : part.offset + len(part.text)]
    assert part.offset <= max(offset, 0)
    before = len(text[: part.offset].encode())
    found = [(token.id, before + token.start, before + token.end) for token in part.tokens]
    whole = tokens_with_places(text, tokenizer)
    first = next((number for number, place in enumerate(whole) if place[1] == before), len(whole))
    assert found == whole[first : first + len(found)]
    assert (part.tokens[-1].end if part.tokens else 0) == len(part.text.encode())


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("limit", [1, 7, 100, 5000])
def test_pages_make_the_whole_text_without_a_token_twice(file: Path, name: str, limit: int) -> None:
    text, tokenizer = STORY[:600] + "\0" + STORY[:100] + "\0", BY_NAME[name]
    offset, ids = 0, []
    while offset < len(text):
        part = read(file, text, tokenizer, offset, limit)
        assert part.offset == offset
        assert 0 < len(part.text) <= limit + MARGIN
        ids += [token.id for token in part.tokens]
        offset += len(part.text)
    assert ids == [token for token, _, _ in tokens_with_places(text, tokenizer)]


def test_a_text_of_a_token_says_where_characters_are_divided(file: Path) -> None:
    part = read(file, "aé", BY_NAME["bytes"], 0, 10)
    assert [(token.text, token.start, token.end) for token in part.tokens] == [
        ("a", 0, 1),
        ("\ufffd", 1, 2),
        ("\ufffd", 2, 3),
    ]


@pytest.mark.parametrize("offset", [0, 50_000, 99_990])
def test_within_a_long_word_the_work_is_bounded_and_its_borders_are_a_guess(file: Path, offset: int) -> None:
    text = "x" * 100_000
    part = read(file, text, BY_NAME["gpt2"], offset, 10)
    assert not part.is_exact
    assert part.offset == offset
    assert 10 <= len(part.text) <= 10 + MARGIN


def test_behind_the_end_there_is_nothing(file: Path) -> None:
    part = read(file, "one two", BY_NAME["gpt2"], 7, 10)
    assert (part.offset, part.text, part.tokens, part.is_exact) == (7, "", [], True)
