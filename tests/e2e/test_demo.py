from pathlib import Path

from tests.e2e.conftest import Start


def test_the_demo_trains_plots_generates_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    settings = ["--set", "preset=tiny", "--set", "dataset=sample", "--set", "training.max_steps=6"]
    demo = start(tmp_path / "data", "demo", "--exit", *settings)
    assert demo.ended() == 0, demo.err
    for text in (
        "step 1/6",
        "step 6/6",
        "● train loss",
        "The last sample:\n  Every effort moves you",
        "curl",
    ):
        assert text in demo.out
    assert "GET /generate answers:\n  Every effort moves you" in demo.out
    assert (demo.data_dir / "demo" / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert (demo.data_dir / "demo" / "losses.svg").read_bytes().startswith(b"<?xml")
    assert demo.processes() == {}
