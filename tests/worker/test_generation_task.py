import numpy as np
import pytest
import torch

from model.generation import generate
from tests.model.tiny import Recorder, newest, tiny_run, train_tiny
from worker.generation_task import LoadedModels


@pytest.mark.parametrize("int8", [False, True])
def test_a_model_is_loaded_with_the_weights_that_were_asked_for(int8, tmp_path, monkeypatch):
    monkeypatch.setattr("worker.generation_task.pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr("worker.generation_task.resolve_numerics", lambda *_: "float32")
    assert train_tiny(tiny_run(), tmp_path, Recorder()) == "finished"
    models = LoadedModels(tmp_path, 1, int8=int8)
    models.compile()
    model, _ = models.get(newest(tmp_path).name, "its sha256")
    assert model.token_weights.head.blocks.dtype == (np.int8 if int8 else np.float32)
    assert len(list(generate(model, [1, 2, 3], 4))) == 4
