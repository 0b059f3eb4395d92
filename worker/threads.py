"""How long OpenMP's threads, which PyTorch's operations run on, spin while they wait for the next one."""

from collections.abc import Mapping

SHORT_SPINS = {
    "GOMP_SPINCOUNT": "1000",
    "KMP_BLOCKTIME": "0",
}
"""For some tens of microseconds, which bridges most gaps between operations; then they sleep. By default
GNU's OpenMP, which PyTorch's builds for Linux have, spins for milliseconds: alone that gains nothing, and
beside a busy process it keeps the very thread that is waited for off the processor, so that a step takes up
to fifteen times as long (`make bench-busy`, benchmarks/LOG.md). LLVM's and Intel's, as on a Mac, would spin
for 200 ms, and know no unit below one."""

WATCHED_SPINS = {"KMP_BLOCKTIME": SHORT_SPINS["KMP_BLOCKTIME"]}
"""Of GNU's OpenMP its default, some milliseconds, which bridge all gaps where it takes long to wake a thread,
as in a virtual machine. For trainers, where `worker.training.contention` cuts it short beside others."""


def with_spin_settings(
    environment: Mapping[str, str], settings: Mapping[str, str] = SHORT_SPINS
) -> dict[str, str]:
    """`environment` with these settings, unless it has its own, for a process that will import PyTorch."""
    if "OMP_WAIT_POLICY" in environment:  # which the settings would overrule
        return dict(environment)
    return {**settings, **environment}
