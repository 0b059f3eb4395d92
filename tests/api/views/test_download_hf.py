"""GET /jobs/<id>/checkpoints/<checkpoint>/download?format=hf: what `transformers` makes of it"""

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from flask.testing import FlaskClient
from transformers import AutoModelForCausalLM, AutoTokenizer

from api.app import create_app
from api.exports import hugging_face
from api.server.cycle import BUFFERED_BYTES
from jobs.files.layout import tokenizers_directory
from jobs.files.tokenizers import find_tokenizer
from jobs.settings import Settings
from jobs.spec.presets import PRESETS
from jobs.spec.stored_specs import read_spec
from jobs.store.database import Database
from jobs.store.tables import Job
from jobs.store.tokenizers import with_vocabulary
from model.config import GPTConfig
from model.gpt import GPT
from model.layers.kit import FLOAT32
from model.storage.tensor_file import write_tensors
from model.tokenizers import without_surrogates
from tests.api.seeds import stored_checkpoint
from tests.api.server.serving import RawClient, serving
from tests.jobs.making import ready_tokenizer, running_job
from tests.model.bpe.test_tokenizer_json import TEXTS as ODD_TEXTS

pytestmark = [pytest.mark.sqlite_will_do, pytest.mark.slow]

SMALL = {"context_length": 16, "emb_dim": 24, "n_heads": 3, "n_layers": 2}
SHAPES: list[dict[str, Any]] = [
    *({"preset": preset} for preset in PRESETS),
    *(
        {"model": {"tie_weights": tied, "qkv_bias": bias}, "tokenizer": "bytes"}
        for tied in (False, True)
        for bias in (False, True)
    ),
    {"model": {"n_heads": 1, "n_layers": 1, "context_length": 1}, "tokenizer": "bytes"},
]
TEXTS = ["Every effort moves you", "", "  a\n\n\t 今天天气很好 👍🏽 é", "\ufffd"]


def small_job(database: Database, settings: Settings, spec: dict[str, Any]) -> Job:
    return running_job(database, settings, **{**spec, "model": {**SMALL, **spec.get("model", {})}})


def store_random_model(database: Database, settings: Settings, job: Job, folder: Path) -> GPT:
    """A model of the job's spec whose every weight is random, as its checkpoint of step 9."""
    torch.manual_seed(1)
    with database.read() as session:
        spec = with_vocabulary(session, read_spec(job.spec))
    model = GPT(spec.gpt, FLOAT32).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # zero biases would hide that one is missing
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    path = folder / "random.safetensors"
    write_tensors(path, model.state_dict(), "sha256")
    tokenizer = find_tokenizer(database, settings, spec.tokenizer)
    stored_checkpoint(database, settings, job, 9, path.read_bytes(), tokenizer_json=tokenizer.tokenizer_json)
    return model


def unpacked(client: FlaskClient, job: Job, folder: Path) -> Path:
    response = client.get(f"/jobs/{job.id}/checkpoints/9/download?format=hf")
    assert response.status_code == 200, response.data
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Length"] == str(len(response.data))
    assert response.headers["Content-Disposition"] == f"attachment; filename={job.id}-step-9-hf.zip"
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("spec", SHAPES, ids=json.dumps)
def test_transformers_computes_the_logits_of_our_own_model(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path, spec: dict[str, Any]
) -> None:
    job = small_job(database, settings, spec)
    ours = store_random_model(database, settings, job, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(unpacked(client, job, tmp_path / "hf"))
    assert type(theirs).__name__ == "GPT2LMHeadModel"
    assert theirs.dtype == torch.float32
    config = ours.config
    ids = torch.randint(config.vocab_size, (3, config.context_length))
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, ours(ids), rtol=0, atol=1e-4)


def test_it_is_streamed_whole_by_the_real_server(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    job = small_job(database, settings, {"model": {"emb_dim": 192, "n_heads": 2}, "tokenizer": "bytes"})
    store_random_model(database, settings, job, tmp_path)
    url = f"/jobs/{job.id}/checkpoints/last/download?format=hf"
    expected = client.get(url).data
    assert len(expected) > BUFFERED_BYTES
    with serving(create_app(settings)) as served, RawClient(served.port) as raw:
        raw.send(f"HEAD {url} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head = raw.response("HEAD")
        response = raw.get(url).response()
    assert (head.status, head.headers["content-length"]) == (200, str(len(expected)))
    assert (response.status, response.body == expected) == (200, True)


def test_nothing_is_left_over_or_missing_of_the_weights(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    for spec in ({"model": {"tie_weights": True}}, {"model": {"tie_weights": False}}):
        job = small_job(database, settings, {**spec, "tokenizer": "bytes"})
        store_random_model(database, settings, job, tmp_path)
        folder = unpacked(client, job, tmp_path / job.id)
        _, found = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
        assert {name: list(keys) for name, keys in found.items() if keys} == {}


@pytest.mark.parametrize("tokenizer", ["gpt2", "bytes", "one's own"])
def test_its_tokenizer_gives_our_tokens_and_its_text_goes_on_like_ours(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path, tokenizer: str
) -> None:
    if tokenizer == "one's own":
        tokenizer = ready_tokenizer(database, settings, vocab_size=500).id
    job = small_job(database, settings, {"tokenizer": tokenizer})
    store_random_model(database, settings, job, tmp_path)
    ours = find_tokenizer(database, settings, tokenizer)
    shutil.rmtree(tokenizers_directory(settings.artifacts), ignore_errors=True)  # the checkpoint has a copy
    folder = unpacked(client, job, tmp_path / "hf")
    theirs = AutoTokenizer.from_pretrained(folder)
    for text in (*TEXTS, *map(without_surrogates, ODD_TEXTS)):
        ids = ours.encode(text)
        assert theirs(text)["input_ids"] == ids
        assert theirs.decode(ids) == text
    assert theirs.eos_token_id == ours.end_of_text
    assert len(theirs) == ours.vocab_size
    literal = "a<|endoftext|>"
    assert theirs(literal, split_special_tokens=True)["input_ids"] == ours.encode(literal)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.generation_config.eos_token_id == ours.end_of_text
    assert model.generation_config.do_sample is False
    inputs = theirs("Every", return_tensors="pt")
    assert (
        model.generate(**inputs, max_new_tokens=3, eos_token_id=-1).shape[1] == len(ours.encode("Every")) + 3
    )


def test_a_checkpoint_whose_copy_of_its_tokenizer_is_lost_is_410(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    tokenizer = ready_tokenizer(database, settings)
    job = small_job(database, settings, {"tokenizer": tokenizer.id})
    store_random_model(database, settings, job, tmp_path)
    (file,) = settings.artifacts.glob("jobs/*/*/*/tokenizer.json")
    file.write_bytes(file.read_bytes()[:-1])
    response = client.get(f"/jobs/{job.id}/checkpoints/9/download?format=hf")
    assert response.status_code == 410
    detail = response.get_json(force=True)["detail"]
    assert detail == "the tokenizer of the checkpoint of step 9 is damaged"


def test_samples_are_drawn_as_the_jobs_own_were(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    sampling = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "max_new_tokens": 7}
    job = small_job(database, settings, {"tokenizer": "bytes", "sampling": sampling})
    store_random_model(database, settings, job, tmp_path)
    config = json.loads((unpacked(client, job, tmp_path / "hf") / "generation_config.json").read_text())
    assert {**config, **sampling, "do_sample": True} == config


def test_the_readme_says_what_it_is_and_how_to_load_it(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    job = small_job(database, settings, {"name": "verdict-small", "tokenizer": "bytes"})
    store_random_model(database, settings, job, tmp_path)
    card = (unpacked(client, job, tmp_path / "hf") / "README.md").read_text()
    for expected in ("# verdict-small", job.id, "AutoModelForCausalLM", job.dataset_sha256, "`bytes`"):
        assert expected in card


def test_damaged_weights_are_410(
    client: FlaskClient, database: Database, settings: Settings, tmp_path: Path
) -> None:
    job = small_job(database, settings, {"tokenizer": "bytes"})
    store_random_model(database, settings, job, tmp_path)
    (file,) = settings.artifacts.glob("jobs/*/*/*/weights.safetensors")
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    response = client.get(f"/jobs/{job.id}/checkpoints/9/download?format=hf")
    assert response.status_code == 410
    assert "sha256" in response.get_json(force=True)["detail"]


def test_weights_of_another_model_are_410(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = small_job(database, settings, {"tokenizer": "bytes"})
    stored_checkpoint(database, settings, job, 9, b"\x02" + bytes(7) + b"{}")
    response = client.get(f"/jobs/{job.id}/checkpoints/9/download?format=hf")
    assert response.status_code == 410
    assert "tok_emb.weight is None" in response.get_json(force=True)["detail"]


def test_an_architecture_that_is_not_gpt2s_is_refused_with_what_to_take_instead() -> None:
    class Rotary(GPTConfig):
        position: str = "learned"

    fields = {**SMALL, "vocab_size": 257}
    hugging_face.check_is_gpt2(Rotary(**fields))
    with pytest.raises(hugging_face.NotGPT2, match=r"no model\.position: .*format=safetensors"):
        hugging_face.check_is_gpt2(Rotary(**fields, position="rotary"))
