"""Products of a few rows with a large matrix, which take as long as it takes to read the matrix.

A sum is over the inputs in their order, each multiplied and added with one rounding, whoever computes it: a
row gets the same numbers to the bit alone and beside others.
"""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from model.inference.cpu_kernel.weights import OUTPUTS, Float32, Matrices

compiled = numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy")
NUMBERS = ir.VectorType(ir.FloatType(), OUTPUTS)
"""Of all outputs of a block. LLVM makes as many registers of one as the processor needs for it."""


@compiled
def product(
    x: Float32, rows: int, matrix: Matrices, layer: int, y: Float32, thread: int, threads: int
) -> tuple[int, int]:
    """The first `rows` of x (R, I) times the matrix of `layer` -> y (R, O). R is at least `rows` rounded up
    to a multiple of four.

    returns  which outputs this thread has computed: the first one and the one after the last
    """
    blocks, scales, biases = matrix.blocks[layer], matrix.scales[layer], matrix.biases[layer]
    first, end = len(blocks) * thread // threads, len(blocks) * (thread + 1) // threads
    for index in range(first, end):
        for row in range(0, rows, 4):
            if row + 1 == rows:
                sum_one(x, row, blocks, index, y)
            else:
                sum_four(x, row, blocks, index, y)
        for row in range(rows):
            for o in range(index * OUTPUTS, (index + 1) * OUTPUTS):
                y[row, o] = y[row, o] * scales[o] + biases[o]
    return first * OUTPUTS, end * OUTPUTS


def summing(rows: int) -> Callable[..., Any]:
    """A compiled function: so many rows of x (R, I), from `row` on, times one of the blocks (O / 64, I, 64)
    -> the same rows of y (R, O).

    It is written as LLVM's instructions, because they keep the sums in registers and make a weight a number
    once for all rows. Written as loops, sums lie in memory, and 8 rows take half as long again
    (benchmarks/LOG.md).
    """

    @intrinsic
    def sum_rows(typing: Any, x: Any, row: Any, blocks: Any, index: Any, y: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            arrays = zip(signature.args[::2], arguments[::2], strict=True)
            x, blocks, y = (Array(context, builder, *array) for array in arrays)
            _, row, _, index, _ = arguments
            mine = [builder.add(row, ir.Constant(row.type, each)) for each in range(rows)]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(NUMBERS, None)) for _ in mine]
            with cgutils.for_range(builder, blocks.shape[1]) as loop:
                weights = as_numbers(builder, blocks.of_outputs(index, loop.index, cgutils.intp_t(0)))
                for each, total in zip(mine, sums, strict=True):
                    value = everywhere(builder, builder.load(x.at(each, loop.index)))
                    add_product(builder, weights, value, total)
            first = builder.mul(index, ir.Constant(index.type, OUTPUTS))
            for each, total in zip(mine, sums, strict=True):
                builder.store(builder.load(total), y.of_outputs(each, first), align=4)
            return context.get_dummy_value()

        return types.void(x, types.intp, blocks, types.intp, y), generate

    return sum_rows


class Array:
    """An array, seen from compiled code."""

    def __init__(self, context: Any, builder: ir.IRBuilder, kind: Any, array: ir.Value) -> None:
        self.of = context, builder, kind, context.make_array(kind)(context, builder, array)
        self.builder = builder
        self.shape = cgutils.unpack_tuple(builder, self.of[-1].shape)

    def at(self, *indices: ir.Value) -> ir.Value:
        """Where the number with these indices is."""
        return cgutils.get_item_pointer(*self.of, indices)

    def of_outputs(self, *indices: ir.Value) -> ir.Value:
        """Where those of a whole block are, from it on."""
        place = self.at(*indices)
        return self.builder.bitcast(place, ir.VectorType(place.type.pointee, OUTPUTS).as_pointer())


def as_numbers(builder: ir.IRBuilder, place: ir.Value) -> ir.Value:
    """The weights there, of one input, as float32."""
    stored = builder.load(place, align=1)
    kind = stored.type.element
    if kind == ir.FloatType():
        return stored
    if kind == ir.IntType(8):
        return builder.sitofp(stored, NUMBERS)
    # The bits of a bfloat16 are the upper half of those of the same float32.
    whole = ir.VectorType(ir.IntType(32), OUTPUTS)
    half = ir.Constant(whole, [16] * OUTPUTS)
    return builder.bitcast(builder.shl(builder.zext(stored, whole), half), NUMBERS)


def everywhere(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A number, for all outputs."""
    one = builder.insert_element(ir.Constant(NUMBERS, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    indices = ir.Constant(ir.VectorType(ir.IntType(32), OUTPUTS), None)
    return builder.shuffle_vector(one, one, indices)


def add_product(builder: ir.IRBuilder, weights: ir.Value, values: ir.Value, total: ir.Value) -> None:
    """To the sums at `total`, with one rounding."""
    kind = ir.FunctionType(NUMBERS, [NUMBERS] * 3)
    multiply_add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{OUTPUTS}f32")
    builder.store(builder.call(multiply_add, [weights, values, builder.load(total)]), total)


sum_one, sum_four = summing(1), summing(4)
