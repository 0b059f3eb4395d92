"""CUDA graphs: kernels that are captured once and then launched all at once."""

from collections.abc import Callable

import torch

MemoryPool = tuple[int, int]
"""A `torch.cuda.graph_pool_handle()`."""


def capture(compute: Callable[[], object], pool: MemoryPool | None = None) -> torch.cuda.CUDAGraph:
    """A graph whose `replay` launches the kernels that `compute` launches, at the same addresses. They do not
    run while they are captured.

    Libraries initialise themselves in a first call, which can't be captured: `warm_up` first.

    pool  for intermediate results. Graphs that share one must not need what another one overwrites.
    """
    graph = torch.cuda.CUDAGraph()
    # Other threads of this process may use the GPU meanwhile.
    with torch.cuda.graph(graph, pool, capture_error_mode="thread_local"):  # type: ignore[arg-type]
        compute()
    return graph


def warm_up(compute: Callable[[], object]) -> None:
    """Call `compute` on a stream of its own, and leave the state of the GPU's generator as it was."""
    generator_state = torch.cuda.get_rng_state()
    current, side = torch.cuda.current_stream(), torch.cuda.Stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        compute()
    current.wait_stream(side)
    torch.cuda.set_rng_state(generator_state)
