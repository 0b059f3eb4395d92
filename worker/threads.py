"""How the threads of PyTorch's operations wait for the next one."""

from collections.abc import Mapping

WAIT_BRIEFLY = {
    "GOMP_SPINCOUNT": "1000",
    "KMP_BLOCKTIME": "0",
}
"""Awake for some tens of microseconds, which bridges most gaps between operations, then asleep. By itself
GNU's OpenMP, which PyTorch's builds for Linux have, stays awake for milliseconds: alone that gains nothing,
and beside a busy process it keeps the very thread that is waited for off the processor, so that a step takes
up to fifteen times as long (`make bench-busy`, benchmarks/LOG.md). LLVM's and Intel's, as on a Mac, would
stay awake for 200 ms, and know no unit below one."""

TRAINERS_WAIT = WAIT_BRIEFLY | {"GOMP_SPINCOUNT": "10000"}
"""Some hundreds of microseconds, which bridges all gaps where it takes long to wake a thread, as in virtual
machines. Beside other programs `worker.training.contention` makes it a few."""


def waiting_briefly(
    environment: Mapping[str, str], settings: Mapping[str, str] = WAIT_BRIEFLY
) -> dict[str, str]:
    """`environment` with these settings, where it does not say otherwise, for a process that will load
    PyTorch."""
    if "OMP_WAIT_POLICY" in environment:  # which the settings would overrule
        return dict(environment)
    return {**settings, **environment}
