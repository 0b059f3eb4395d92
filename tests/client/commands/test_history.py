"""losses, samples, checkpoints"""

import json
from pathlib import Path

import pytest

from tests.client.conftest import Command
from tests.client.service import FakeService, Response, loss_row, sample_row

CHECKPOINT = {
    "id": "checkpoint-1",
    "step": 30,
    "epoch": 3,
    "train_loss": 5.5,
    "val_loss": 6.5,
    "bytes": 649_700_000,
    "sha256": "ab" * 32,
    "kind": ["last", "best"],
    "created_at": "2026-11-24T07:00:09Z",
}


def test_losses_follows_every_page(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/jobs/job-1/losses", [loss_row(0, 1, 9.781, 9.933)], has_more=True)
    service.respond_with_list("/jobs/job-1/losses", [loss_row(5, 1, 8.111, 8.339)])
    outcome = pretrain("losses", "job-1", "--json", "--url", service.url)
    assert [row["step"] for row in json.loads(outcome.out)] == [0, 5]
    assert [request.query.get("since_step") for request in service.requests] == ["-1", "0"]


def test_losses_prints_a_table(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/jobs/job-1/losses", [loss_row(5, 1, 8.111, 8.339)])
    row = pretrain("losses", "job-1", "--url", service.url).out.splitlines()[1]
    assert row.split() == ["5", "1", "768", "8.111", "8.339", "2.085", "0.0004", "1,234"]


def test_losses_csv_is_the_services_own(service: FakeService, pretrain: Command) -> None:
    service.respond_with_bytes("GET", "/jobs/job-1/losses", b"step,train_loss\n0,9.781\n", "text/csv")
    outcome = pretrain("losses", "job-1", "--csv", "--url", service.url)
    assert outcome.out == "step,train_loss\n0,9.781\n"
    assert service.sent("GET", "/jobs/job-1/losses").query == {"format": "csv"}


def test_losses_plot_is_written_to_a_file(service: FakeService, pretrain: Command, tmp_path: Path) -> None:
    service.respond_with_bytes("GET", "/jobs/job-1/losses.svg", b"<svg/>", "image/svg+xml")
    outcome = pretrain("losses", "job-1", "--plot", tmp_path / "plot.svg", "--url", service.url)
    assert (tmp_path / "plot.svg").read_bytes() == b"<svg/>"
    assert outcome.out == ""
    assert "plot.svg" in outcome.err


def test_a_plot_replaces_the_one_before_whole_and_keeps_its_permissions_and_its_link(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond_with_bytes("GET", "/jobs/job-1/losses.png", b"new", "image/png")
    plot, link = tmp_path / "plot.png", tmp_path / "link.png"
    plot.write_bytes(b"older")
    plot.chmod(0o640)
    link.symlink_to(plot)
    assert pretrain("losses", "job-1", "--plot", link, "--url", service.url).status == 0
    assert link.is_symlink()
    assert (plot.read_bytes(), plot.stat().st_mode & 0o777) == (b"new", 0o640)
    assert {file.name for file in tmp_path.glob("*.png")} | {file.name for file in tmp_path.glob(".*")} == {
        "plot.png",
        "link.png",
    }


@pytest.mark.parametrize(
    ("body", "media_type"), [(b"<html>sign in</html>", "text/html"), (b"cut off", "image/png; too=short")]
)
def test_a_plot_that_does_not_come_whole_leaves_the_one_before(
    body: bytes, media_type: str, service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    headers = {"Content-Length": str(len(body) + 1)} if "short" in media_type else {}
    service.responses["GET", "/jobs/job-1/losses.png"].append(Response(200, body, media_type, headers))
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"older")
    outcome = pretrain("losses", "job-1", "--plot", plot, "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert plot.read_bytes() == b"older"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["plot.png"]


def test_a_plot_that_cannot_be_written_is_told(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond_with_bytes("GET", "/jobs/job-1/losses.png", b"png", "image/png")
    (tmp_path / "folder.png").mkdir()
    for place, reason in [
        (tmp_path / "folder.png", "it is a folder"),
        (tmp_path / "absent" / "plot.png", "No such file or directory"),
        (Path("/dev/full"), "No space left on device"),
    ]:
        outcome = pretrain("losses", "job-1", "--plot", place, "--url", service.url)
        assert (outcome.status, outcome.err) == (1, f"pretrain: cannot write {place}: {reason}\n")


def test_a_plot_must_be_a_png_or_an_svg(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("losses", "job-1", "--plot", "plot.pdf", "--url", service.url)
    assert outcome.status == 2
    assert ".png or .svg" in outcome.err


def test_samples_prints_each_text_under_its_epoch(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list(
        "/jobs/job-1/samples", [sample_row(9, 1, "Every effort,,,"), sample_row(19, 2, "Every and")]
    )
    lines = pretrain("samples", "job-1", "--url", service.url).out.splitlines()
    assert lines == ["-- epoch 1, step 9", "Every effort,,,", "", "-- epoch 2, step 19", "Every and", ""]


def test_checkpoints_prints_kinds_losses_and_sizes(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/jobs/job-1/checkpoints", [CHECKPOINT])
    outcome = pretrain("checkpoints", "job-1", "--url", service.url)
    for text in ("last, best", "6.500", "649.7 MB", "ab" * 32):
        assert text in outcome.out


def test_samples_of_several_prompts_say_which(service: FakeService, pretrain: Command) -> None:
    rows = [
        {**sample_row(9, 1, text), "index": index} for index, text in enumerate(["Every effort,", "The dog"])
    ]
    service.respond_with_list("/jobs/job-1/samples", rows)
    lines = pretrain("samples", "job-1", "--url", service.url).out.splitlines()
    assert lines[0] == "-- epoch 1, step 9, prompt 1"
    assert lines[3] == "-- epoch 1, step 9, prompt 2"
