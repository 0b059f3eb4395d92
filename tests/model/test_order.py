import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from model.data import TokenWindows, batches
from model.order import LectureOrders, SeededOrders, permutation
from tests.model.tiny import CPU

WINDOWS = TokenWindows(torch.arange(60), 4, 3)


@given(n=st.integers(0, 100), seed=st.integers(0, 2**63 - 1))
def test_a_permutation_takes_every_window_once_and_follows_from_its_seed(n, seed):
    order = permutation(n, seed)
    assert sorted(order.tolist()) == list(range(n))
    assert torch.equal(order, permutation(n, seed))


def test_seeded_orders_draw_nothing_and_differ_by_seed_epoch_and_use():
    state = torch.get_rng_state()
    seeds = [
        draw(number)
        for orders in (SeededOrders(1), SeededOrders(2))
        for draw in (orders.of_epoch, orders.of_evaluation)
        for number in range(1, 6)
    ]
    SeededOrders(1).start_validation()
    assert torch.equal(torch.get_rng_state(), state)
    assert len(set(seeds)) == len(seeds)
    assert SeededOrders(2).of_epoch(3) == SeededOrders(2).of_epoch(3)


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
    orders = LectureOrders()
    seeds = iter(
        [lambda: orders.of_epoch(1), lambda: orders.of_evaluation(0), None, lambda: orders.of_epoch(2)]
    )
    for batches_of_loader, position in zip(expected, positions, strict=True):
        if seed := next(seeds):
            order, drop_last = permutation(len(WINDOWS), seed()), True
        else:
            orders.start_validation()
            order, drop_last = torch.arange(len(WINDOWS)), False
        taken = batches(WINDOWS, order, 2, drop_last=drop_last, device=CPU, limit=length)
        assert [inputs.tolist() for inputs, _ in taken] == [inputs.tolist() for inputs in batches_of_loader]
        assert torch.rand(1) == position
