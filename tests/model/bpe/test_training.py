import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from model.bpe import training
from model.bpe.tokenizer_json import trained_tokenizer
from model.bpe.training import LONG_WORD, MAX_WORD_CHARACTERS, cut_pieces, read_texts, train_merges
from model.storage.splits import DOCUMENT_END
from model.tokenizers import END_OF_TEXT, load_tokenizer
from tests.model.own_tokenizer import (
    STORY,
    merges_of,
    slow_encode,
    slow_merges,
    story_tokenizer,
)
from tests.model.texts import ASSIGNED_TEXTS, TEXTS

SMALL_TEXTS = st.lists(
    st.sampled_from(["the", " the", " cat", "s", " ", "\n", "aaa", " aa", "é", "今天", "'s", "12"]),
    max_size=60,
).map("".join)


def test_the_most_frequent_pairs_are_merged_first() -> None:
    merges = merges_of("the cat, the hat, the rat. the", 259)
    assert merges == [(b"h", b"e"), (b"t", b"he")][: len(merges)]
    assert len(merges) == 2


@given(text=SMALL_TEXTS)
def test_the_merges_are_those_of_a_slow_obvious_training(text: str) -> None:
    assert merges_of(text, 257 + 20) == slow_merges(text, 20)


@given(text=TEXTS)
def test_any_text_comes_back(text: str) -> None:
    tokenizer = story_tokenizer()
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode_buffer(text).tolist() == ids


@given(text=ASSIGNED_TEXTS)
def test_the_tokens_of_any_text_are_those_of_a_slow_obvious_bpe(text: str) -> None:
    tokenizer = story_tokenizer()
    assert tokenizer.encode(text) == slow_encode(text, tokenizer.ranks)


@given(trained_on=SMALL_TEXTS, text=SMALL_TEXTS)
def test_a_tokenizer_of_any_text_encodes_any_other_as_hugging_faces_does(trained_on: str, text: str) -> None:
    content = trained_tokenizer(merges_of(trained_on, 300))
    tokenizer = load_tokenizer("tokenizer-a", content)
    assert tokenizer.encode(text) == Tokenizer.from_str(content.decode()).encode(text).ids
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_same_text_and_size_give_the_same_file_with_any_number_of_threads(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(STORY)
    program = (
        "import sys, pathlib, hashlib; from model.bpe.training import train_merges;"
        "from model.bpe.tokenizer_json import trained_tokenizer;"
        "merges = train_merges(pathlib.Path(sys.argv[1]), 0, 400);"
        "print(hashlib.sha256(trained_tokenizer(merges)).hexdigest())"
    )
    sha256s = {
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "text")],
            env={**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
            capture_output=True,
            check=True,
        ).stdout.strip()
        for threads in ("1", "4")
    }
    own = story_tokenizer(400).tokenizer_json
    assert own is not None
    assert sha256s == {hashlib.sha256(own).hexdigest().encode()}


def test_a_text_that_is_too_small_gives_a_smaller_vocabulary() -> None:
    merges = merges_of("abab xy", 1000)
    assert merges == [(b"a", b"b")]
    assert load_tokenizer("t", trained_tokenizer(merges)).vocab_size == 258


def test_the_least_vocabulary_is_the_bytes_and_the_end_of_a_text() -> None:
    assert merges_of(STORY, 257) == []
    tokenizer = load_tokenizer("t", trained_tokenizer([]))
    assert (tokenizer.vocab_size, tokenizer.end_of_text) == (257, 256)
    assert tokenizer.encode("é") == [0xC3, 0xA9]


def test_the_end_of_a_text_is_a_token_that_no_text_has() -> None:
    merges = merges_of(f"{END_OF_TEXT} " * 100, 400)
    tokenizer = load_tokenizer("t", trained_tokenizer(merges))
    assert tokenizer.end_of_text == tokenizer.vocab_size - 1
    assert tokenizer.end_of_text not in tokenizer.encode(END_OF_TEXT)
    assert tokenizer.decode([tokenizer.end_of_text]) == END_OF_TEXT


def test_nothing_is_merged_across_the_end_of_a_document() -> None:
    documents = f"ab{DOCUMENT_END}" * 50
    assert merges_of(documents, 300) == [(b"a", b"b")]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_how_the_text_is_cut_into_pieces_changes_nothing(size: int) -> None:
    texts = (STORY[start : start + size] for start in range(0, len(STORY), size))
    words = sorted(piece for piece in cut_pieces(texts) if piece)
    assert sum(map(len, words)) == len(STORY)
    tokenizer = story_tokenizer()
    apart = [i for piece in cut_pieces([STORY]) for i in tokenizer.encode(piece)]
    assert apart == tokenizer.encode(STORY)


@pytest.mark.parametrize("text", ["x" * 10_000, " " * 10_000, "今" * 10_000, "ab " * 50 + "-" * 999])
def test_long_words_are_cut_and_nothing_is_lost(text: str) -> None:
    pieces = list(cut_pieces([text]))
    assert "".join(pieces) == text
    assert all(len(piece) <= MAX_WORD_CHARACTERS or not LONG_WORD.match(piece) for piece in pieces)


def test_of_a_text_that_is_too_long_blocks_are_read_that_are_spread_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "MAX_TEXT_BYTES", 4000)
    monkeypatch.setattr(training, "BLOCK_BYTES", 1000)
    path = tmp_path / "text"
    path.write_text("".join(f"{'é' if number % 2 else 'e'}{number:07}" for number in range(1000)))
    reads: list[int] = []
    texts = list(read_texts(path, 0, reads.append))
    assert 2000 <= sum(map(len, texts)) <= 4000
    assert texts[0].startswith("e0000000é0000001")
    assert reads[-1] == path.stat().st_size
    assert train_merges(path, 0, 300) == train_merges(path, 0, 300)


def test_the_byte_order_mark_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbf" + b"ab ab")
    assert "".join(read_texts(path, 3, lambda _: None)) == "ab ab"


def test_the_file_is_hugging_faces() -> None:
    own = story_tokenizer().tokenizer_json
    assert own is not None
    content = json.loads(own)
    assert (content["model"]["type"], content["pre_tokenizer"]["use_regex"]) == ("BPE", True)
    assert [token["content"] for token in content["added_tokens"]] == [END_OF_TEXT]
