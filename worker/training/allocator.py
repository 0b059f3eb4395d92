"""Settings of glibc's memory allocator for trainers."""

from collections.abc import Mapping

KEEP_LARGE_BLOCKS = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "99999999999",
    "MALLOC_TOP_PAD_": "67108864",
}
"""By default glibc returns every tensor of more than 32 MB to the kernel when it is freed, and the next one
page-faults again: 12 % of a step of the lecture's job (benchmarks/LOG.md). Other C libraries do not read
these variables."""

NO_FREE_LISTS = {"GLIBC_TUNABLES": "glibc.malloc.mxfast=0:glibc.malloc.tcache_count=0"}
"""A tensor is aligned to 64 bytes, and what is left before and after it is freed as small blocks. Those that
glibc caches (fastbins, tcache) are not merged with the tensor when it is freed too, so that the next one of
its size does not fit there: a tenth of the lecture's job's memory (benchmarks/LOG.md)."""


def with_allocator_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with these settings, unless it has its own."""
    return {**KEEP_LARGE_BLOCKS, **NO_FREE_LISTS, **environment}
