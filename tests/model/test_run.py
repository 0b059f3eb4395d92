import json

from model.run import Run
from tests.model.tiny import tiny_run


def test_a_run_comes_back_from_json():
    run = tiny_run(training={"betas": (0.8, 0.95), "grad_clip": 1.0}, checkpoints={"every_epochs": None})
    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run
