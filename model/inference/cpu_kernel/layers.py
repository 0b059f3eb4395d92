"""What a decode step computes between its linear layers: layer norm, residual sums, GELU and attention."""

import math
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from model.inference.cpu_kernel.weights import Float32

njit_reassociating = numba.njit(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
"""Compiles sums in any order, which lets them be vectorised."""

LOG2_E, LN_2 = np.float32(math.log2(math.e)), np.float32(math.log(2))
EXP_TAYLOR = tuple(np.float32(1 / math.factorial(n)) for n in range(7))
EXP_MIN, EXP_MAX = np.float32(-87), np.float32(88)
"""Between these e to the power of x is a normal float32."""
KVShape = tuple[int, int, int, int, int]
"""(L, 2, H, context length, D) of a sequence's keys and values."""


@intrinsic
def float32_pointer(context: Any, address: Any) -> Any:
    """An integer address as a pointer to float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(address), generate


@njit_reassociating
def exp(x: np.float32) -> np.float32:
    """e to the power of x, clamped to [-87, 88]: a power of 2 times the Taylor series of the remainder, with
    a relative error of 5e-7 at most. Loops over it are vectorised, those over `math.exp` are not."""
    clamped = min(max(x, EXP_MIN), EXP_MAX)
    n = np.floor(clamped * LOG2_E + np.float32(0.5))
    remainder = clamped - n * LN_2
    series = EXP_TAYLOR[6]
    series = series * remainder + EXP_TAYLOR[5]
    series = series * remainder + EXP_TAYLOR[4]
    series = series * remainder + EXP_TAYLOR[3]
    series = series * remainder + EXP_TAYLOR[2]
    series = series * remainder + EXP_TAYLOR[1]
    series = series * remainder + EXP_TAYLOR[0]
    # 2 to the power of n, by the exponent bits of a float32.
    return series * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@njit_reassociating
def layer_norm(x: Float32, norm: Float32, y: Float32) -> None:
    """x (B, C), scale and shift (2, C) -> y, of at least x's shape.
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
        inverse_std = np.float32(1) / np.sqrt(variance / C + np.float32(1e-5))
        for i in range(x.shape[1]):
            y[row, i] = (x[row, i] - mean) * inverse_std * norm[0, i] + norm[1, i]


@njit_reassociating
def add(x: Float32, y: Float32) -> None:
    """x += y, for x (B, C) and y of at least that shape."""
    for row in range(x.shape[0]):
        for i in range(x.shape[1]):
            x[row, i] += y[row, i]


@njit_reassociating
def gelu(x: Float32) -> None:
    """The tanh approximation of GELU of x (N,), in place: (1 + tanh(u)) / 2 is the logistic function of 2u.
    Source: Hendrycks and Gimpel 2016, section 2."""
    two_sqrt_2_over_pi = np.float32(2 * math.sqrt(2 / math.pi))
    for i in range(len(x)):
        two_u = two_sqrt_2_over_pi * (x[i] + np.float32(0.044715) * x[i] * x[i] * x[i])
        x[i] = x[i] / (np.float32(1) + exp(-two_u))


@njit_reassociating
def attend(
    qkv: Float32,
    inputs: NDArray[np.int64],
    kv_shape: KVShape,
    layer: int,
    attn_out: Float32,
    thread: int,
    threads: int,
) -> None:
    """Append a token's keys and values to each sequence's cache and let it attend to all of them. Each thread
    computes some of the B * H heads.

    qkv       (B, 3C or more): queries, keys and values of the tokens
    inputs    (B, 3): as in `decode_step`
    kv_shape  of each sequence's cached keys and values
    attn_out  (B, C or more): the result
    source    Vaswani et al. 2017, section 3.2
    """
    _, _, H, limit, D = kv_shape
    weights = np.empty(limit, np.float32)
    scale = np.float32(1) / np.sqrt(np.float32(D))
    heads = len(inputs) * H
    for index in range(heads * thread // threads, heads * (thread + 1) // threads):
        row, head = index // H, index % H
        _, address, position = inputs[row]
        pointer: Any = float32_pointer(address)  # type: ignore[call-arg]  # numba passes the context
        kv = numba.carray(pointer, kv_shape, np.float32)
        keys, values = kv[layer, 0, head], kv[layer, 1, head]  # (context length, D) each
        query, out = qkv[row, head * D : (head + 1) * D], attn_out[row, head * D : (head + 1) * D]
        for i in range(D):
            keys[position, i] = qkv[row, (H + head) * D + i]
            values[position, i] = qkv[row, (2 * H + head) * D + i]
        max_score = np.float32(-np.inf)
        for token in range(position + 1):
            score = np.float32(0)
            for i in range(D):
                score += query[i] * keys[token, i]
            weights[token] = score * scale
            max_score = max(max_score, weights[token])
        # Softmax, with the largest score subtracted so that no exponential overflows.
        total = np.float32(0)
        for token in range(position + 1):
            weights[token] = exp(weights[token] - max_score)
            total += weights[token]
        for i in range(D):
            out[i] = 0
        for token in range(position + 1):
            weight = weights[token] / total
            for i in range(D):
                out[i] += weight * values[token, i]
