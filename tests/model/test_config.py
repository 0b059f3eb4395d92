import json

from model.config import Run
from tests.model.tiny import tiny_run


def test_a_run_comes_back_from_json():
    run = tiny_run(training={"betas": (0.8, 0.95), "grad_clip": 1.0}, checkpoints={"every_epochs": None})
    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run


def test_a_run_of_an_earlier_version_is_read_without_what_has_gone_and_with_defaults_for_what_came():
    run = tiny_run()
    stored = run.to_json()
    stored["training"]["gone"] = 1
    del stored["training"]["compile"]
    assert Run.from_json(stored) == run
