import hashlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.data import Data, TokenWindows, batches
from model.tokenizers import load_tokenizer
from tests.model.tiny import CPU, tiny_data, tiny_run


@given(n_tokens=st.integers(0, 200), context=st.integers(1, 20))
def test_windows_tile_the_text_exactly(n_tokens, context):
    ids = torch.arange(n_tokens)
    windows = TokenWindows(ids, context, stride=context)
    inputs = [token for inputs, _ in (windows[i] for i in range(len(windows))) for token in inputs.tolist()]
    targets = [
        token for _, targets in (windows[i] for i in range(len(windows))) for token in targets.tolist()
    ]
    assert inputs == list(range(len(windows) * context))
    assert targets == [token + 1 for token in inputs]
    # what is left has no room for another window and the token that follows it
    assert 0 <= n_tokens - len(inputs) <= context or n_tokens == 0


@given(n_tokens=st.integers(0, 100), context=st.integers(1, 20), stride=st.integers(1, 30))
def test_windows_start_at_every_stride_as_in_the_lecture(n_tokens, context, stride):
    windows = TokenWindows(torch.arange(n_tokens), context, stride)
    starts = [int(windows[i][0][0]) for i in range(len(windows))]
    assert starts == list(range(0, n_tokens - context, stride))


def test_a_batch_stacks_its_windows():
    windows = TokenWindows(torch.arange(50), 4, 3)
    inputs, targets = windows.batch(torch.tensor([5, 0]))
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(inputs, torch.stack([windows[5][0], windows[0][0]]))
    assert torch.equal(targets, torch.stack([windows[5][1], windows[0][1]]))


def test_a_window_outside_is_an_index_error():
    windows = TokenWindows(torch.arange(9), 4, 4)
    assert len(windows) == 2
    with pytest.raises(IndexError, match="window 2 of 2"):
        windows[2]


def drawn(windows, **options):
    taken = batches(windows, torch.arange(len(windows)), 2, device=CPU, **options)
    return [inputs[:, 0].tolist() for inputs, _ in taken]


def test_training_drops_the_last_windows_that_fill_no_batch_and_validation_keeps_them():
    windows = TokenWindows(torch.arange(6), 1, 1)
    assert drawn(windows, drop_last=True) == [[0, 1], [2, 3]]
    assert drawn(windows, drop_last=False) == [[0, 1], [2, 3], [4]]


def test_batches_begin_where_they_are_asked_to():
    windows = TokenWindows(torch.arange(10), 1, 1)
    assert drawn(windows, drop_last=True, first=1) == [[2, 3], [4, 5], [6, 7]]
    assert drawn(windows, drop_last=False, first=4) == [[8]]


def test_each_split_is_tokenised_apart():
    run = tiny_run(model={"context_length": 2}, training={"train_ratio": 0.5})
    data = Data.from_text("ab" * 5 + "cd" * 5, load_tokenizer("bytes"), run)
    assert bytes(data.train.ids.tolist()) == b"ababababab"
    assert bytes(data.validation.ids.tolist()) == b"cdcdcdcdcd"


@pytest.mark.parametrize(
    ("n_train", "n_validation", "message"),
    [
        (8, 9, r"the training text has 8 tokens, .* 0 windows of 8 .* too few for a batch of 2"),
        (16, 9, r"the training text has 16 tokens, .* 1 windows of 8 .* too few for a batch of 2"),
        (17, 8, "the validation text has 8 tokens; a context of 8 needs more"),
    ],
)
def test_a_text_that_is_too_short_is_refused_with_its_tokens(n_train, n_validation, message):
    with pytest.raises(ValueError, match=message):
        Data.from_ids([1] * n_train, [1] * n_validation, tiny_run())


@pytest.mark.parametrize("chunk_tokens", [1, 7, 2**20])
def test_the_hash_is_that_of_the_tokens_as_int64_however_many_are_read_at_once(monkeypatch, chunk_tokens):
    monkeypatch.setattr("model.data.HASHED_TOKENS", chunk_tokens)
    train, validation = torch.arange(40), torch.arange(20)
    hashed = hashlib.sha256(b"40 20 " + train.numpy().tobytes() + validation.numpy().tobytes())
    assert Data.from_ids(train.tolist(), validation.tolist(), tiny_run()).sha256() == hashed.hexdigest()


def test_the_hash_tells_data_apart():
    run = tiny_run()
    same, other = tiny_data(run).sha256(), tiny_data(run, "another text " * 20).sha256()
    assert tiny_data(run).sha256() == same != other
    tokens = list(range(40))
    assert (
        Data.from_ids(tokens[:20], tokens[20:], run).sha256()
        != Data.from_ids(tokens[:21], tokens[21:], run).sha256()
    )


@pytest.mark.parametrize(("place", "ends_texts"), [(None, False), (7, True), (30, False)])
def test_data_says_whether_its_training_text_has_an_end_of_text(place, ends_texts):
    tokens = [1] * 40
    if place is not None:
        tokens[place] = load_tokenizer("bytes").end_of_text
    assert Data.from_ids(tokens[:20], tokens[20:], tiny_run()).ends_texts is ends_texts


def test_a_text_that_names_the_end_of_text_token_has_none():
    assert not tiny_data(tiny_run(), "a text, <|endoftext|>. " * 10).ends_texts
