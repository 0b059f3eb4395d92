"""What a job would take."""

import pytest
import torch

from jobs.spec.estimate import bytes_per_pair, estimate, tokens_per_epoch
from jobs.spec.job_spec import parse_spec
from jobs.store.tables import TokenCount
from model.gpt import Attention
from model.layers import dropout
from model.numerics import ResolvedNumerics
from tests.calls import returned_by

# The Verdict, split at 0.9.
COUNTS = TokenCount(train_tokens=4_612, val_tokens=533)


def test_the_lectures_job_has_162_million_parameters_and_90_steps() -> None:
    estimated = estimate(parse_spec({}), COUNTS)
    assert (estimated.parameters, estimated.total_steps) == (162_419_712, 90)


def test_an_epochs_tokens_are_those_of_its_whole_batches() -> None:
    assert tokens_per_epoch(parse_spec({}), COUNTS) == 9 * 2 * 256
    assert tokens_per_epoch(parse_spec({"training": {"batch_size": 4}}), COUNTS) == 4 * 4 * 256


def test_overlapping_windows_count_their_tokens_each_time() -> None:
    overlapping = parse_spec({"training": {"stride": 128}})
    assert tokens_per_epoch(overlapping, COUNTS) == 17 * 2 * 256


@pytest.mark.parametrize("drop_rate", [0.0, 0.1])
@pytest.mark.parametrize("numerics", ["reference", "float32", "bfloat16"])
def test_what_attention_keeps_for_pairs_of_tokens_is_what_is_estimated(
    monkeypatch: pytest.MonkeyPatch, numerics: ResolvedNumerics, drop_rate: float
) -> None:
    masks = returned_by(monkeypatch, dropout, "keep_bits")
    kept: list[torch.Tensor] = []
    wanted = {"context_length": 1024, "emb_dim": 4, "n_heads": 2, "drop_rate": drop_rate}
    spec = parse_spec({"model": wanted, "training": {"numerics": numerics}})
    x = torch.randn(1, 1024, 4)
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda _: None):
        result = Attention(spec.gpt, numerics)(x)
    assert result.requires_grad
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in kept + masks}
    found = sum(storage.nbytes() for storage in storages.values()) / (2 * 1024**2)
    one_mask_for_both_heads = 0.5 if numerics == "reference" else 0
    uncounted = one_mask_for_both_heads  # and some vectors a token, and what is masked within a block
    assert bytes_per_pair(spec.gpt, spec.training) + uncounted == pytest.approx(found, abs=0.2)
