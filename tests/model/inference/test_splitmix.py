import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.inference import splitmix
from model.inference.splitmix import uniforms, words


def plain_words(seed, n):
    """One after the other, in Python's whole numbers."""
    found, state = [], seed % 2**64
    for _ in range(n):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        found.append(z ^ (z >> 31))
    return found


def test_the_numbers_are_the_published_ones():
    assert words(1234567, np.arange(3)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@given(seed=st.integers(-(2**63), 2**63 - 1), places=st.lists(st.integers(0, 200), max_size=9))
def test_each_number_is_had_alone_that_the_generator_reaches_step_by_step(seed, places):
    expected = plain_words(seed, 201)
    assert words(seed, np.array(places, np.int64)).tolist() == [expected[place] for place in places]


@pytest.mark.parametrize("seed", [0, 1, -1, 2**63 - 1])
def test_uniforms_fill_the_whole_interval_but_for_its_ends(seed):
    found = uniforms(seed, np.arange(100_000))
    assert 0 < found.min() < 1e-3
    assert 1 - 1e-3 < found.max() < 1
    counts, _ = np.histogram(found, bins=20, range=(0, 1))
    assert np.abs(counts / 5000 - 1).max() < 0.07


@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_the_smallest_and_the_largest_word_are_neither_0_nor_1(word, monkeypatch):
    monkeypatch.setattr(splitmix, "words", lambda seed, places: np.full(len(places), word, np.uint64))
    [found] = uniforms(0, np.arange(1))
    assert 0 < found < 1
