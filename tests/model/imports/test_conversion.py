import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.bpe.tokenizer_json import gpt2_tokenizer
from model.checkpoint import load_model
from model.gpt import GPT
from model.imports import conversion
from model.imports.bad_model import BadModel
from model.imports.conversion import ModelFiles, import_gpt2
from model.manifest import WEIGHTS, verify
from model.storage.tensor_file import write_tensors
from tests.gpt2_files import CONFIG, C, T, V, random_tensors, raw_file, write_model


def files_in(folder: Path) -> ModelFiles:
    index, tokenizer = folder / "model.safetensors.index.json", folder / "tokenizer.json"
    return ModelFiles(
        config=folder / "config.json",
        weights=sorted(folder.glob("*.safetensors")),
        index=index if index.exists() else None,
        tokenizer=tokenizer if tokenizer.exists() else None,
    )


def imported(folder: Path) -> GPT:
    """The model that is made of the folder's files."""
    directory = folder.parent / "imported"
    import_gpt2(files_in(folder), directory)
    return load_model(directory)[0]


def theirs(folder: Path) -> Any:
    from transformers import GPT2LMHeadModel

    return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """A random model of `transformers`, saved by it; its folder."""

    def save(dtype: torch.dtype = torch.float32, shard: str = "1GB", **changes: Any) -> Path:
        from transformers import GPT2Config, GPT2LMHeadModel

        torch.manual_seed(3)
        model = GPT2LMHeadModel(GPT2Config(**{**CONFIG, **changes}))
        with torch.no_grad():
            for parameter in model.parameters():  # zero biases would hide that one is missing
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        folder = tmp_path / "saved"
        model.to(dtype).save_pretrained(folder, max_shard_size=shard)
        write_model(tmp_path / "scratch")
        shutil.copy(tmp_path / "scratch" / "tokenizer.json", folder)
        return folder

    return save


@pytest.mark.slow
@pytest.mark.parametrize("shard", ["1GB", "10KB"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_transformers_saves_has_its_logits_here(
    saved: Callable[..., Path], dtype: torch.dtype, shard: str
) -> None:
    folder = saved(dtype, shard)
    assert (len(list(folder.glob("*.safetensors"))) > 1) == (shard == "10KB")
    ids = torch.randint(V, (3, T))
    with torch.no_grad():
        torch.testing.assert_close(imported(folder)(ids), theirs(folder)(ids).logits, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_head_of_its_own_is_kept(saved: Callable[..., Path]) -> None:
    folder = saved(tie_word_embeddings=False)
    ours = imported(folder)
    assert not torch.equal(ours.head.weight, ours.tok_emb.weight)
    ids = torch.randint(V, (3, T))
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(folder)(ids).logits, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_gpt2s_own_tokenizer_is_recognised_with_its_file_and_without(saved: Callable[..., Path]) -> None:
    folder = saved(vocab_size=50257)
    (folder / "tokenizer.json").write_text(json.dumps(gpt2_tokenizer()))
    assert import_gpt2(files_in(folder), folder.parent / "with").run.tokenizer == "gpt2"
    (folder / "tokenizer.json").unlink()
    assert import_gpt2(files_in(folder), folder.parent / "without").run.tokenizer == "gpt2"


def test_the_checkpoint_is_the_one_that_our_own_writer_would_write(tmp_path: Path) -> None:
    manifest = import_gpt2(files_in(write_model(tmp_path / "model")), tmp_path / "imported")
    assert verify(tmp_path / "imported").manifest == manifest
    assert manifest.run.model.model_dump(exclude_defaults=True) == {
        "context_length": T, "emb_dim": C, "n_heads": 3, "n_layers": 2,
        "qkv_bias": True, "tie_weights": True, "initialization": "gpt2",
    }  # fmt: skip
    model, _ = load_model(tmp_path / "imported")
    again = write_tensors(tmp_path / "again", model.state_dict(), "sha256")
    assert again == manifest.files[WEIGHTS]["sha256"]
    assert (tmp_path / "again").read_bytes() == (tmp_path / "imported" / WEIGHTS).read_bytes()


def test_prefix_masks_and_a_tied_head_change_nothing(tmp_path: Path) -> None:
    plain = import_gpt2(files_in(write_model(tmp_path / "plain")), tmp_path / "one")
    tensors = random_tensors("transformer.")
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"].clone()
    for number in range(2):
        tensors[f"transformer.h.{number}.attn.bias"] = torch.ones(1, 1, T, T, dtype=torch.uint8)
        tensors[f"transformer.h.{number}.attn.masked_bias"] = torch.tensor(-1e4)
    other = import_gpt2(files_in(write_model(tmp_path / "other", tensors)), tmp_path / "two")
    assert other.files == plain.files


def test_it_is_converted_strip_by_strip_from_a_file_that_is_not_aligned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_model(tmp_path / "model", random_tensors(dtype=torch.bfloat16))
    whole = import_gpt2(files_in(folder), tmp_path / "whole")
    file = folder / "model.safetensors"
    content = file.read_bytes()
    header_bytes = int.from_bytes(content[:8], "little")
    file.write_bytes(raw_file(content[8 : 8 + header_bytes] + b" ") + content[8 + header_bytes :])
    monkeypatch.setattr(conversion, "STRIP_NUMBERS", 100)
    shares: list[float] = []
    assert import_gpt2(files_in(folder), tmp_path / "strips", shares.append).files == whole.files
    assert shares == sorted(shares)
    assert (len(shares) > 50, shares[-1]) == (True, 1.0)


def test_an_import_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    class Ended(Exception):
        pass

    def end(share: float) -> None:
        raise Ended

    with pytest.raises(Ended):
        import_gpt2(files_in(write_model(tmp_path / "model")), tmp_path / "models" / "attempt-1", end)
    assert list((tmp_path / "models").iterdir()) == []


def changed(**changes: Any) -> Callable[[dict[str, Tensor]], None]:
    """Gives tensors other numbers, or with None takes them away; `__` stands for dots."""

    def change(tensors: dict[str, Tensor]) -> None:
        for name, value in changes.items():
            if value is None:
                del tensors[name.replace("__", ".")]
            else:
                tensors[name.replace("__", ".")] = value

    return change


def with_value(value: float) -> Tensor:
    tensor = torch.zeros(C)
    tensor[7] = value
    return tensor


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed(ln_f__bias=None), r"1 of 28 tensors missing: 'ln_f.bias'; .* 2 layers \(n_layer\)"),
        (
            changed(h__2__ln_1__bias=torch.zeros(C)),
            "not among GPT-2's tensors: 'h.2.ln_1.bias'; config.json describes 2 layers",
        ),
        (
            changed(h__0__attn__c_attn__weight=torch.zeros(3 * C, C)),
            r"'h.0.attn.c_attn.weight' has the shape \(36, 12\); must be \(12, 36\) by config.json .*Conv1D",
        ),
        (changed(wpe__weight=torch.zeros(8, C)), r"'wpe.weight' has the shape \(8, 12\); must be \(16, 12\)"),
        (
            changed(ln_f__bias=torch.zeros(C, dtype=torch.float64)),
            "'ln_f.bias' has the dtype F64; must be F32",
        ),
        (
            changed(ln_f__bias=torch.zeros(C, dtype=torch.int8)),
            "'ln_f.bias' has the dtype I8; must be F32, F16",
        ),
        (changed(ln_f__bias=with_value(torch.nan)), "'ln_f.bias' holds nan; every weight must be a finite"),
        (changed(ln_f__bias=with_value(-torch.inf)), "'ln_f.bias' holds -inf"),
        (changed(lm_head__weight=torch.zeros(V, C)), "lm_head.weight is not equal to wte.weight"),
        (changed(lm_head__weight=torch.zeros(V, 3)), r"'lm_head.weight' has the shape \(257, 3\)"),
        (
            changed(transformer__wte__weight=torch.zeros(V, C)),
            "'wte.weight' is there twice, with 'transformer.'",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], None], message: str
) -> None:
    tensors = random_tensors()
    change(tensors)
    folder = write_model(tmp_path / "model", tensors)
    with pytest.raises(BadModel, match=message):
        import_gpt2(files_in(folder), tmp_path / "imported")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_an_untied_model_must_have_a_head(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", config={"tie_word_embeddings": False})
    with pytest.raises(BadModel, match=r"'lm_head.weight'.*head of its own \(tie_word_embeddings false\)"):
        import_gpt2(files_in(folder), tmp_path / "imported")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A model in two shards with their index."""
    folder = write_model(tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate((names[:10], names[10:]), start=1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    write_index(folder, weight_map)
    return folder


def write_index(folder: Path, weight_map: Any) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_shards_are_one_model(sharded: Path, tmp_path: Path) -> None:
    whole = import_gpt2(files_in(write_model(tmp_path / "whole")), tmp_path / "one")
    assert import_gpt2(files_in(sharded), tmp_path / "two").files == whole.files


FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda listed: {**listed, "wte.weight": FIRST}, f"'wte.weight' in '{FIRST}', but it is in {SECOND}"),
        (
            lambda listed: {**listed, "new": FIRST},
            f"the tensor 'new' in '{FIRST}', but none of the files has it",
        ),
        (lambda listed: dict(list(listed.items())[1:]), "weight_map lacks the tensor 'h.0.attn.c_attn.bias'"),
        (lambda listed: [1], r"weight_map is \[1\]; must be an object"),
    ],
)
def test_an_index_that_does_not_match_is_refused(
    sharded: Path, tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    index = json.loads((sharded / "model.safetensors.index.json").read_text())
    write_index(sharded, change(index["weight_map"]))
    with pytest.raises(BadModel, match=message):
        import_gpt2(files_in(sharded), tmp_path / "imported")


def test_a_tensor_in_two_shards_is_refused(sharded: Path, tmp_path: Path) -> None:
    shutil.copy(sharded / FIRST, sharded / SECOND)
    with pytest.raises(BadModel, match=f"is in two files, {FIRST} and {SECOND}"):
        import_gpt2(files_in(sharded), tmp_path / "imported")
