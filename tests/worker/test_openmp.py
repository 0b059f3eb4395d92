import os
import subprocess
import sys

import pytest

START = """
import os
import sys
from types import ModuleType

from worker.__main__ import main


def add_generation(app, settings):
    print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules)
    raise SystemExit


task = sys.modules["worker.generation_task"] = ModuleType("worker.generation_task")
task.add_generation = add_generation
sys.argv = ["worker", "generate"]
main()
"""


@pytest.mark.parametrize(("own", "found"), [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_a_generation_worker_says_how_threads_wait_before_pytorch_asks(own, found, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    ran = subprocess.run(
        [sys.executable, "-c", START],
        check=False,
        capture_output=True,
        text=True,
        env=environment | {"PRETRAIN_DATA_DIR": str(tmp_path)} | own,
    )
    assert (ran.returncode, ran.stdout) == (0, f"{found} False\n"), ran.stderr
