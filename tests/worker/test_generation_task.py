import numpy as np
import pytest
import torch

from model.data import Data
from model.generation import generate
from model.tokens import load_tokenizer
from model.training import train
from tests.model.tiny import CPU, TEXT, Recorder, newest, tiny_run, train_tiny
from worker.generation_task import LoadedModels


@pytest.mark.parametrize("int8", [False, True])
def test_a_model_is_loaded_with_the_weights_that_were_asked_for(int8, tmp_path, monkeypatch):
    monkeypatch.setattr("worker.generation_task.pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr("worker.generation_task.resolve_numerics", lambda *_: "float32")
    assert train_tiny(tiny_run(), tmp_path, Recorder()) == "epochs"
    models = LoadedModels(tmp_path, 1, int8=int8)
    models.compile()
    model = models.get(newest(tmp_path).name, "its sha256").model
    assert model.token_weights.head.blocks.dtype == (np.int8 if int8 else np.float32)
    assert len(list(generate(model, [1, 2, 3], 4))) == 4


@pytest.mark.parametrize("end", [[], [load_tokenizer("bytes").end_of_text]])
def test_a_loaded_model_knows_whether_it_was_trained_on_ends_of_texts(end, tmp_path):
    run, recorder = tiny_run(), Recorder()
    tokens = [*end, *TEXT.encode()]
    train(
        run,
        Data.from_ids(tokens[:140], tokens[140:], run),
        on_event=recorder.record,
        should_stop=recorder.should_stop,
        checkpoint_root=tmp_path,
        numerics="float32",
        device=CPU,
    )
    loaded = LoadedModels(tmp_path, 1, int8=False).get(newest(tmp_path).name, "its sha256")
    assert loaded.ends_texts is bool(end)
