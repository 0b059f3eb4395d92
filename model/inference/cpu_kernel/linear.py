"""Linear layers for a few tokens at once, which take as long as their weights take to be read from memory.

Each output is summed over the inputs in their order by fused multiply-adds, whatever the batch and the number
of threads: a sequence gets the same bits alone and beside others.
"""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from model.inference.cpu_kernel.weights import BLOCK_OUTPUTS, Float32, PackedLinear

njit_in_order = numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy")
"""Compiles sums in the order in which they are written."""

F32_VECTOR = ir.VectorType(ir.FloatType(), BLOCK_OUTPUTS)
"""One float32 for each output of a block. LLVM makes as many of the processor's registers of it as it
needs."""
I32_VECTOR = ir.VectorType(ir.IntType(32), BLOCK_OUTPUTS)


@njit_in_order
def linear(
    x: Float32, B: int, weights: PackedLinear, layer: int, y: Float32, thread: int, threads: int
) -> tuple[int, int]:
    """y = x @ weight.T + bias, by the weight and bias of `layer`; this thread's share of the outputs.

    x        (B rounded up to a multiple of 4, I)
    y        (B or more, O)
    returns  the range of outputs that this thread has computed: the first, and the one after the last
    """
    blocks, scales, biases = weights.blocks[layer], weights.scales[layer], weights.biases[layer]
    first, end = len(blocks) * thread // threads, len(blocks) * (thread + 1) // threads
    for block in range(first, end):
        for row in range(0, B, 4):
            if row + 1 == B:
                microkernel_1(x, row, blocks, block, y)
            else:
                microkernel_4(x, row, blocks, block, y)
        for row in range(B):
            for o in range(block * BLOCK_OUTPUTS, (block + 1) * BLOCK_OUTPUTS):
                y[row, o] = y[row, o] * scales[o] + biases[o]
    return first * BLOCK_OUTPUTS, end * BLOCK_OUTPUTS


def make_microkernel(rows: int) -> Callable[..., Any]:
    """A compiled function that multiplies `rows` rows of x (B, I), from `first_row` on, by one block of
    (O / 64, I, 64) and stores the sums in the same rows of y (B, O).

    It is written in LLVM's instructions, which keep the sums in registers and convert a weight to float32
    once for all rows. Compiled from loops, the sums lie in memory, and 8 rows take 1.5x as long
    (benchmarks/LOG.md).
    """

    @intrinsic
    def microkernel(typing: Any, x: Any, first_row: Any, blocks: Any, block: Any, y: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            arrays = zip(signature.args[::2], arguments[::2], strict=True)
            x, blocks, y = (LLVMArray(context, builder, *array) for array in arrays)
            _, first_row, _, block, _ = arguments
            row_indices = [builder.add(first_row, ir.Constant(first_row.type, row)) for row in range(rows)]
            sums = [cgutils.alloca_once_value(builder, ir.Constant(F32_VECTOR, None)) for _ in row_indices]
            with cgutils.for_range(builder, blocks.shape[1]) as loop:
                stored = blocks.vector_pointer(block, loop.index, cgutils.intp_t(0))
                weights = load_as_float32(builder, stored)
                for row, total in zip(row_indices, sums, strict=True):
                    fma(builder, weights, splat(builder, builder.load(x.pointer(row, loop.index))), total)
            first_output = builder.mul(block, ir.Constant(block.type, BLOCK_OUTPUTS))
            for row, total in zip(row_indices, sums, strict=True):
                builder.store(builder.load(total), y.vector_pointer(row, first_output), align=4)
            return context.get_dummy_value()

        return types.void(x, types.intp, blocks, types.intp, y), generate

    return microkernel


class LLVMArray:
    """A NumPy array as an intrinsic's LLVM code sees it."""

    def __init__(self, context: Any, builder: ir.IRBuilder, array_type: Any, array: ir.Value) -> None:
        struct = context.make_array(array_type)(context, builder, array)
        self._access = context, builder, array_type, struct
        self._builder = builder
        self.shape = cgutils.unpack_tuple(builder, struct.shape)

    def pointer(self, *indices: ir.Value) -> ir.Value:
        """To the element at these indices."""
        return cgutils.get_item_pointer(*self._access, indices)

    def vector_pointer(self, *indices: ir.Value) -> ir.Value:
        """To as many elements as a block has outputs, from these indices on."""
        element = self.pointer(*indices)
        vector = ir.VectorType(element.type.pointee, BLOCK_OUTPUTS)
        return self._builder.bitcast(element, vector.as_pointer())


def load_as_float32(builder: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
    """The weights of one input, whatever they are stored as."""
    stored = builder.load(pointer, align=1)
    dtype = stored.type.element
    if dtype == ir.FloatType():
        return stored
    if dtype == ir.IntType(8):
        return builder.sitofp(stored, F32_VECTOR)
    # The bits of a bfloat16 are the upper half of those of the same float32.
    sixteen = ir.Constant(I32_VECTOR, [16] * BLOCK_OUTPUTS)
    return builder.bitcast(builder.shl(builder.zext(stored, I32_VECTOR), sixteen), F32_VECTOR)


def splat(builder: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    """A vector of which every element is `scalar`."""
    zero = ir.Constant(ir.IntType(32), 0)
    vector = builder.insert_element(ir.Constant(F32_VECTOR, ir.Undefined), scalar, zero)
    return builder.shuffle_vector(vector, vector, ir.Constant(I32_VECTOR, None))


def fma(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, total: ir.Value) -> None:
    """*total += a * b, rounded once."""
    signature = ir.FunctionType(F32_VECTOR, [F32_VECTOR] * 3)
    llvm_fma = cgutils.get_or_insert_function(builder.module, signature, f"llvm.fma.v{BLOCK_OUTPUTS}f32")
    builder.store(builder.call(llvm_fma, [a, b, builder.load(total)]), total)


microkernel_1, microkernel_4 = make_microkernel(1), make_microkernel(4)
