"""PyTorch's compiler takes seconds to import, and many of its functions do so in passing."""

import subprocess
import sys

import pytest

from tests.model.tiny import MODES

TRAIN_RESUME_AND_GENERATE = """
import sys
from pathlib import Path
from model.checkpoint import load_model
from model.generation import generate
from tests.model.tiny import Recorder, newest, tiny_run, train_tiny

numerics, root = sys.argv[1], Path(sys.argv[2])
assert train_tiny(tiny_run(), root, Recorder(stop_after=3), numerics) == "stopped"
assert train_tiny(tiny_run(), root, Recorder(), numerics, resume_from=newest(root)) == "epochs"
model, _ = load_model(newest(root), numerics=numerics)
assert len(list(generate(model, [1, 2, 3], 4))) == 4
print(sorted({"torch._dynamo", "torch._inductor", "sympy"} & sys.modules.keys()))
"""


@pytest.mark.parametrize("numerics", MODES)
@pytest.mark.slow
def test_training_resuming_and_generating_import_no_compiler(numerics, tmp_path):
    command = [sys.executable, "-c", TRAIN_RESUME_AND_GENERATE, numerics, str(tmp_path)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr
