"""A barrier for the threads of a decode step: each waits until all have arrived.

Threads meet five times a layer, a few microseconds apart, so a waiting one spins: to wake a sleeping thread
takes longer than the wait. Only where a thread fails to arrive for long does a waiting one give up its core.
"""

import ctypes
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

STRIDE = 16
"""int64 between the counters of two threads: 128 bytes, the pair of cache lines that a processor fetches
together, so that no thread's store invalidates another's counter (false sharing)."""
SPINS_BEFORE_YIELD = 2000
"""Then the thread yields its core: there may be fewer cores than threads."""
YIELDS_BEFORE_SLEEP = 50
"""After so many yields, a tenth of a millisecond, another process has the core that the awaited thread needs,
and keeps it for milliseconds. So the waiting thread sleeps between two loads and leaves its own core free."""
SLEEP_US = 50

sched_yield = ctypes.CDLL(None).sched_yield
sched_yield.argtypes, sched_yield.restype = [], ctypes.c_int
usleep = ctypes.CDLL(None).usleep
usleep.argtypes, usleep.restype = [ctypes.c_uint], ctypes.c_int


def arrival_counters(threads: int) -> NDArray[np.int64]:
    """How often each thread has come to the `barrier`, at multiples of `STRIDE`."""
    return np.zeros(threads * STRIDE, np.int64)


@intrinsic
def load_acquire(context: Any, array: Any, index: Any) -> Any:
    """array[index], int64, as another thread stored it; all that it wrote before that is visible too."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = element_pointer(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def store_release(context: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index] = value; whoever loads it sees all that this thread wrote before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = element_pointer(context, builder, signature.args[0], *arguments[:2])
        builder.store_atomic(arguments[2], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), generate


def element_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> ir.Value:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


@numba.njit(nogil=True)
def barrier(arrivals: NDArray[np.int64], thread: int) -> None:
    """Return when every thread has called this as often as `thread` has."""
    arrival = arrivals[thread * STRIDE] + 1
    store_release(arrivals, thread * STRIDE, arrival)  # type: ignore[call-arg]  # numba passes the context
    for other in range(arrivals.size // STRIDE):
        spins = yields = 0
        while load_acquire(arrivals, other * STRIDE) < arrival:
            spins += 1
            if spins < SPINS_BEFORE_YIELD:
                continue
            spins = 0
            if yields < YIELDS_BEFORE_SLEEP:
                yields += 1
                sched_yield()
            else:
                usleep(SLEEP_US)
