import pytest
import torch

from model.gpt import GPT
from model.layers.kit import KITS
from model.layers.meta_init import meta_init
from tests.model.tiny import tiny_config


@pytest.mark.parametrize("initialization", ["pytorch", "gpt2"])
@pytest.mark.parametrize("numerics", ["reference", "float32", "bfloat16"])
def test_a_model_on_meta_has_every_parameters_shape_and_no_memory(numerics, initialization):
    config = tiny_config(initialization=initialization, qkv_bias=True)
    initialised = GPT(config, KITS[numerics])
    with meta_init():
        model = GPT(config, KITS[numerics])
    assert all(parameter.is_meta for parameter in model.parameters())
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    assert shapes == {name: parameter.shape for name, parameter in initialised.named_parameters()}


def test_it_leaves_the_generator_alone_and_draws_again_afterwards():
    before = torch.get_rng_state()
    with meta_init():
        GPT(tiny_config())
    assert torch.equal(torch.get_rng_state(), before)
    assert GPT(tiny_config()).tok_emb.weight.std() > 0.5
    assert not torch.equal(torch.get_rng_state(), before)
