from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from model.data import TokenWindows, batches
from model.shuffle import (
    RANDPERM_32_BITS,
    DerivedShuffleSeeds,
    LectureShuffleSeeds,
    draw_seed,
    permutation,
    subset,
)
from tests.model.tiny import CPU

WINDOWS = TokenWindows(torch.arange(60), 4, 3)


@given(n=st.integers(0, 100), seed=st.integers(0, 2**63 - 1))
def test_a_permutation_takes_every_window_once_and_follows_from_its_seed(n, seed):
    order = permutation(n, seed)
    assert sorted(order.tolist()) == list(range(n))
    assert torch.equal(order, permutation(n, seed))


SEEDS = [0, 1, 123, 7 + 2**32, 2**63 - 1]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 1000, 65_537, 1_000_003])
def test_a_permutation_or_the_first_of_it_is_pytorchs(n, seed):
    """The lecture's DataLoaders take it, and so do jobs that an earlier version has begun."""
    whole = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    for count in {0, 1, 2, n // 32, n // 31, n - 1, n, n + 5}:
        assert permutation(n, seed, count).tolist() == whole[:count].tolist(), count
        assert subset(n, seed, count).tolist() == whole[:count].tolist(), count
    assert permutation(n, seed).tolist() == whole.tolist()


@given(n=st.integers(1, 2**62), count=st.integers(0, 50), seed=st.integers(0, 2**63 - 1))
def test_a_subset_has_different_windows_however_many_there_are(n, count, seed):
    taken = subset(n, seed, count).tolist()
    assert len(set(taken)) == len(taken) == min(n, count)
    assert all(0 <= window < n for window in taken)
    assert taken == subset(n, seed, count).tolist()


@pytest.mark.parametrize("n", [6, RANDPERM_32_BITS + 6])
def test_every_window_is_as_likely_to_be_in_a_subset(n):
    in_lower_half = sum(int(window) < n // 2 for seed in range(300) for window in subset(n, seed, 4))
    assert 540 < in_lower_half < 660  # of 1,200; one run in a billion lies outside, and the seeds are fixed


def test_the_seed_of_an_epoch_is_the_one_of_its_number_among_those_that_the_runs_seed_draws():
    generator = torch.Generator().manual_seed(123)
    drawn = [draw_seed(generator) for _ in range(200)]
    assert [DerivedShuffleSeeds(123).of_epoch(epoch) for epoch in range(1, 201)] == drawn


def test_seeded_orders_draw_nothing_and_differ_by_seed_epoch_and_use():
    state = torch.get_rng_state()
    seeds = [
        draw(number)
        for orders in (DerivedShuffleSeeds(1), DerivedShuffleSeeds(2))
        for draw in (orders.of_epoch, orders.of_evaluation)
        for number in range(1, 6)
    ]
    DerivedShuffleSeeds(1).start_validation()
    assert torch.equal(torch.get_rng_state(), state)
    assert len(set(seeds)) == len(seeds)
    assert DerivedShuffleSeeds(2).of_epoch(3) == DerivedShuffleSeeds(2).of_epoch(3)


@pytest.mark.parametrize("length", [None, 2], ids=["whole", "broken off"])
def test_lecture_orders_are_those_of_a_dataloader_and_move_the_generator_as_far(length):
    shuffled = DataLoader(WINDOWS, batch_size=2, shuffle=True, drop_last=True)
    in_order = DataLoader(WINDOWS, batch_size=2, shuffle=False, drop_last=False)

    torch.manual_seed(7)
    expected, positions = [], []
    for loader in (shuffled, shuffled, in_order, shuffled):
        expected.append([inputs for (inputs, _), _ in zip(loader, range(length or 99), strict=False)])
        positions.append(torch.rand(1))

    torch.manual_seed(7)
    orders = LectureShuffleSeeds()
    seeds = iter(
        [lambda: orders.of_epoch(1), lambda: orders.of_evaluation(0), None, lambda: orders.of_epoch(2)]
    )
    for batches_of_loader, position in zip(expected, positions, strict=True):
        if seed := next(seeds):
            order, drop_last = permutation(len(WINDOWS), seed()), True
        else:
            orders.start_validation()
            order, drop_last = torch.arange(len(WINDOWS)), False
        taken = islice(batches(WINDOWS, order, 2, drop_last=drop_last, device=CPU), length)
        assert [inputs.tolist() for inputs, _ in taken] == [inputs.tolist() for inputs in batches_of_loader]
        assert torch.rand(1) == position
