"""What a token goes through between its matrices."""

import math
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from model.inference.cpu_kernel.weights import Float32

# Sums in any order, which lets them be vectors.
compiled = numba.njit(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")

LOG2_E, LN_2 = np.float32(math.log2(math.e)), np.float32(math.log(2))
TAYLOR = tuple(np.float32(1 / math.factorial(n)) for n in range(7))
LEAST, GREATEST = np.float32(-87), np.float32(88)
KVShape = tuple[int, int, int, int, int]
"""Layers, keys and values, heads, tokens that there is room for, numbers of a head."""


@intrinsic
def as_pointer(context: Any, address: Any) -> Any:
    """Where float32 numbers lie."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(address), generate


@compiled
def exponential(x: np.float32) -> np.float32:
    """e to the power of x, float32, or of -87 or 88 where x is beyond: a power of 2 times the Taylor series
    of the rest, off by 1 / 2,000,000 at most. Loops over it become vectors, those over `math.exp` do not."""
    within = min(max(x, LEAST), GREATEST)
    n = np.floor(within * LOG2_E + np.float32(0.5))
    rest = within - n * LN_2
    series = TAYLOR[6]
    series = series * rest + TAYLOR[5]
    series = series * rest + TAYLOR[4]
    series = series * rest + TAYLOR[3]
    series = series * rest + TAYLOR[2]
    series = series * rest + TAYLOR[1]
    series = series * rest + TAYLOR[0]
    return series * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
def layer_norm(x: Float32, norm: Float32, y: Float32) -> None:
    """x (R, C), scale and shift (2, C) -> the first R and C of y.
    Source: Ba, Kiros and Hinton 2016, section 3.1."""
    C = np.float32(x.shape[1])
    for row in range(x.shape[0]):
        mean = np.float32(0)
        for value in x[row]:
            mean += value
        mean /= C
        variance = np.float32(0)
        for value in x[row]:
            variance += (value - mean) * (value - mean)
        factor = np.float32(1) / np.sqrt(variance / C + np.float32(1e-5))
        for i in range(x.shape[1]):
            y[row, i] = (x[row, i] - mean) * factor * norm[0, i] + norm[1, i]


@compiled
def add(x: Float32, y: Float32) -> None:
    """To x (R, C), in place, the first R and C of y."""
    for row in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[row, i] += y[row, i]


@compiled
def gelu(x: Float32) -> None:
    """Of x, in place, by its approximation with tanh: (1 + tanh(u)) / 2 is the logistic function of 2u.
    Source: Hendrycks and Gimpel 2016, section 2."""
    double = np.float32(2 * math.sqrt(2 / math.pi))
    for i in range(len(x)):
        u = double * (x[i] + np.float32(0.044715) * x[i] * x[i] * x[i])
        x[i] = x[i] / (np.float32(1) + exponential(-u))


@compiled
def attend(
    qkv: Float32,
    inputs: NDArray[np.int64],
    kv_shape: KVShape,
    layer: int,
    attn_out: Float32,
    thread: int,
    threads: int,
) -> None:
    """Let a token of each sequence attend to those before it and to itself. Each thread computes some heads.

    qkv       (R, 3C or more): queries, keys and values of the tokens
    inputs    (R, 3): as in `one_token`
    kv_shape  of the keys and values of the tokens before, where those of this one are put
    attn_out  (R, C or more): the result
    source    Vaswani et al. 2017, section 3.2
    """
    _, _, H, limit, D = kv_shape
    weights = np.empty(limit, np.float32)
    scale = np.float32(1) / np.sqrt(np.float32(D))
    units = len(inputs) * H
    for unit in range(units * thread // threads, units * (thread + 1) // threads):
        row, head = unit // H, unit % H
        _, address, last = inputs[row]
        place: Any = as_pointer(address)  # type: ignore[call-arg]  # numba passes the context
        kv = numba.carray(place, kv_shape, np.float32)
        keys, values = kv[layer, 0, head], kv[layer, 1, head]
        query, mine = qkv[row, head * D : (head + 1) * D], attn_out[row, head * D : (head + 1) * D]
        for i in range(D):
            keys[last, i] = qkv[row, (H + head) * D + i]
            values[last, i] = qkv[row, (2 * H + head) * D + i]
        greatest = np.float32(-np.inf)
        for token in range(last + 1):
            score = np.float32(0)
            for i in range(D):
                score += query[i] * keys[token, i]
            weights[token] = score * scale
            greatest = max(greatest, weights[token])
        total = np.float32(0)
        for token in range(last + 1):
            weights[token] = exponential(weights[token] - greatest)
            total += weights[token]
        for i in range(D):
            mine[i] = 0
        for token in range(last + 1):
            share = weights[token] / total
            for i in range(D):
                mine[i] += share * values[token, i]
