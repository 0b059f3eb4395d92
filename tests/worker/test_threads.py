import os
import subprocess
import sys

import pytest

from worker.threads import SHORT_SPINS, with_spin_settings
from worker.training.launch import trainer_environment

START = """
import os
import sys
from types import ModuleType

from worker.__main__ import main


def add_generation(app, settings):
    print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules)
    raise SystemExit


task = sys.modules["worker.generation.task"] = ModuleType("worker.generation.task")
task.add_generation, task.THREADS = add_generation, 1
sys.argv = ["worker", "generate", "--unwatched"]
main()
"""


@pytest.mark.parametrize(
    ("own", "effective"), [({}, SHORT_SPINS["GOMP_SPINCOUNT"]), ({"GOMP_SPINCOUNT": "7"}, "7")]
)
def test_a_generation_worker_says_how_threads_wait_before_pytorch_asks(own, effective, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    ran = subprocess.run(
        [sys.executable, "-c", START],
        check=False,
        capture_output=True,
        text=True,
        env=environment | {"PRETRAIN_DATA_DIR": str(tmp_path)} | own,
        timeout=300,
    )
    assert (ran.returncode, ran.stdout) == (0, f"{effective} False\n"), ran.stderr


@pytest.mark.parametrize(("waited_s", "spins"), [(0.5, None), (None, "1000")])
def test_the_threads_of_a_trainer_wait_awake_as_gnus_do_and_unwatched_for_microseconds(
    waited_s, spins, monkeypatch
):
    for name in ("GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("worker.training.launch.waited_for_processor_s", lambda: waited_s)
    environment = trainer_environment()
    assert environment.get("GOMP_SPINCOUNT") == spins
    assert environment["KMP_BLOCKTIME"] == "0"


def test_what_a_person_says_about_waiting_threads_stands():
    assert with_spin_settings({"OMP_WAIT_POLICY": "active"}) == {"OMP_WAIT_POLICY": "active"}
    assert with_spin_settings({"GOMP_SPINCOUNT": "7"})["GOMP_SPINCOUNT"] == "7"
