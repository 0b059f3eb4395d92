"""How a trainer's memory is allocated."""

from collections.abc import Mapping

KEEP_LARGE_BLOCKS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "99999999999",
    "MALLOC_TOP_PAD_": "67108864",
}
"""glibc otherwise gives every tensor of more than 32 MB back to the kernel when it is freed, and has its
pages faulted in again for the next one: 12 % of a step of the lecture's job (benchmarks/LOG.md). Other C
libraries do not read these variables."""

LEAVE_NO_HOLES = {"GLIBC_TUNABLES": "glibc.malloc.mxfast=0:glibc.malloc.tcache_count=0"}
"""A tensor begins at a multiple of 64 bytes, and what is left before and after it is freed as small blocks.
Those that glibc keeps at hand are not joined to the tensor when it is freed too, so that the next one of its
size does not fit there: a tenth of the lecture's job's memory (benchmarks/LOG.md). So it keeps none."""


def with_allocator_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with them, where it does not say otherwise."""
    return {**KEEP_LARGE_BLOCKS, **LEAVE_NO_HOLES, **environment}
