"""What the shell completes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.running import RUN, environment_on


def completed(tmp_path: Path, words: str) -> list[str]:
    """What bash offers for the last of these words."""
    environment = environment_on(
        tmp_path,
        _PRETRAIN_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    done = subprocess.run(
        [sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pretrain comp", ["compare"]),
        ("pretrain losses job-1 --pl", ["--plot"]),
        ("pretrain submit --from gpt2-x", ["gpt2-xl"]),
        ("pretrain submit --set training.early", ["training.early_stopping_patience="]),
    ],
)
def test_the_shell_completes_commands_options_presets_and_fields(
    words: str, offered: list[str], tmp_path: Path
) -> None:
    assert completed(tmp_path, words) == offered
