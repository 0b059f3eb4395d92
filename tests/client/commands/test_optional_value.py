"""--plot and --plot FILE"""

import pytest

from client.commands.optional_value import NO_VALUE, with_values
from tests.client.conftest import Command
from tests.client.service import FakeService, loss_row


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (["job-1", "--plot"], ["job-1", f"--plot={NO_VALUE}"]),
        (["--plot", "job-1"], [f"--plot={NO_VALUE}", "job-1"]),
        (["job-1", "--plot", "--csv"], ["job-1", f"--plot={NO_VALUE}", "--csv"]),
        (["job-1", "--plot", "a.png"], ["job-1", "--plot", "a.png"]),
        (["job-1", "--plot", "-"], ["job-1", "--plot", "-"]),
        (["job-1", "--plot", "/dev/stdout"], ["job-1", "--plot", "/dev/stdout"]),
        (["job-1", "--plot=a.svg"], ["job-1", "--plot=a.svg"]),
    ],
)
def test_what_looks_like_a_file_is_the_value(arguments: list[str], read: list[str]) -> None:
    assert with_values(arguments) == read


def test_without_a_file_the_losses_are_drawn_in_the_terminal(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    service.respond_with_list("/jobs/job-1/losses", [loss_row(0, 1, 9.7, 9.9), loss_row(99, 9, 0.4, 6.1)])
    outcome = pretrain("losses", "job-1", "--plot", "--url", service.url)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["●", "train", "loss", "○", "validation", "loss"]
    assert lines[-1].endswith("step 100 (epoch 9)")
    assert max(map(len, lines)) == 50
    assert service.requests[-1].query["max_points"] == "1000"


def test_a_job_without_losses_says_when_there_will_be_some(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/jobs/job-1/losses", [])
    outcome = pretrain("losses", "--plot", "job-1", "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "")
    assert "after the first step" in outcome.err


@pytest.mark.parametrize("other", ["--csv", "--json"])
def test_a_drawing_is_not_printed_among_data(other: str, service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("losses", "job-1", "--plot", other, "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])
