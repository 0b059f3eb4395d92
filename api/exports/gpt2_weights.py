"""A checkpoint's tensors in the layout of GPT-2's publication, as `transformers.GPT2LMHeadModel` loads them.

GPT-2's linear layers are `Conv1D`s: their weights are (inputs, outputs), the transpose of PyTorch's. They
always have biases: where our query, key and value projections have none, they are zeros, which is the same.
"""

from collections.abc import Iterator
from functools import partial

from api.exports.tensor_file import Tensor, TensorFile, zeros
from model.config import GPTConfig


def gpt2_tensors(weights: TensorFile, config: GPTConfig) -> list[Tensor]:
    """raises  WeightsLost if the file's tensors are not those of the model"""
    return list(layout(weights, config))


def layout(weights: TensorFile, config: GPTConfig) -> Iterator[Tensor]:
    V, T, C = config.vocab_size, config.context_length, config.emb_dim

    def same(name: str, source: str, *shape: int) -> Tensor:
        weights.require(source, shape)
        return Tensor(name, shape, partial(weights.rows, source))

    def conv1d(name: str, source: str, inputs: int, outputs: int, *, bias: bool = True) -> Iterator[Tensor]:
        weights.require(f"{source}.weight", (outputs, inputs))
        columns = partial(weights.columns, f"{source}.weight")
        yield Tensor(f"{name}.weight", (inputs, outputs), columns)
        if bias:
            yield same(f"{name}.bias", f"{source}.bias", outputs)
        else:
            yield Tensor(f"{name}.bias", (outputs,), partial(zeros, outputs))

    def norm(name: str, source: str) -> Iterator[Tensor]:
        yield same(f"{name}.weight", f"{source}.scale", C)
        yield same(f"{name}.bias", f"{source}.shift", C)

    yield same("transformer.wte.weight", "tok_emb.weight", V, C)
    yield same("transformer.wpe.weight", "pos_emb.weight", T, C)
    for number in range(config.n_layers):
        block, source = f"transformer.h.{number}", f"blocks.{number}"
        yield from norm(f"{block}.ln_1", f"{source}.norm1")
        yield from conv1d(f"{block}.attn.c_attn", f"{source}.attention.qkv", C, 3 * C, bias=config.qkv_bias)
        yield from conv1d(f"{block}.attn.c_proj", f"{source}.attention.out", C, C)
        yield from norm(f"{block}.ln_2", f"{source}.norm2")
        yield from conv1d(f"{block}.mlp.c_fc", f"{source}.feed_forward.up", C, 4 * C)
        yield from conv1d(f"{block}.mlp.c_proj", f"{source}.feed_forward.down", 4 * C, C)
    yield from norm("transformer.ln_f", "final_norm")
    if not config.tie_weights:
        yield same("lm_head.weight", "head.weight", V, C)
