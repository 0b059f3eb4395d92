"""How threads that run compiled code wait for each other."""

import ctypes
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

APART = 16
"""int64 between what two threads write: the 128 bytes that a processor fetches at once."""
LOOKS = 2000
"""After so many in vain a thread lets others have the processor: there may be fewer of them than threads."""
YIELDS = 50
"""After so many of those in vain, a tenth of a millisecond, another process has the processor that the
awaited thread needs, for milliseconds. So this one sleeps between its looks, and leaves it its share."""
SLEEP_US = 50

let_others = ctypes.CDLL(None).sched_yield
let_others.argtypes, let_others.restype = [], ctypes.c_int
sleep_us = ctypes.CDLL(None).usleep
sleep_us.argtypes, sleep_us.restype = [ctypes.c_uint], ctypes.c_int


def arrivals(threads: int) -> NDArray[np.int64]:
    """What `meet` counts in."""
    return np.zeros(threads * APART, np.int64)


@intrinsic
def load(context: Any, array: Any, index: Any) -> Any:
    """An int64 as another thread has stored it, with all that it had written before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def store(context: Any, array: Any, index: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], *arguments[:2])
        builder.store_atomic(arguments[2], place, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), generate


def pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> ir.Value:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


@numba.njit(nogil=True)
def meet(arrived: NDArray[np.int64], thread: int) -> None:
    """Go on when every thread has come here as often as this one."""
    time = arrived[thread * APART] + 1
    store(arrived, thread * APART, time)  # type: ignore[call-arg]  # numba passes the context
    for other in range(arrived.size // APART):
        looks = yields = 0
        while load(arrived, other * APART) < time:
            looks += 1
            if looks < LOOKS:
                continue
            looks = 0
            if yields < YIELDS:
                yields += 1
                let_others()
            else:
                sleep_us(SLEEP_US)
