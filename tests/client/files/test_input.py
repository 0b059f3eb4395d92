"""Names of files in messages."""

from pathlib import Path

from client.plain_text import one_line
from tests.client.conftest import Command


def test_the_name_of_a_file_never_breaks_a_message(pretrain: Command, tmp_path: Path) -> None:
    folder = tmp_path / "a\nb"
    folder.mkdir()
    absent, empty, latin = (folder / name for name in ("absent.json", "empty.txt", "latin.json"))
    empty.touch()
    latin.write_bytes(b"caf\xe9")
    written = one_line(folder)
    for arguments, message in [
        (["submit", absent], f"{written}/absent.json: there is no such file"),
        (["submit", folder / "spec.txt"], f"{written}/spec.txt: a spec is a .json, .toml or .yaml file"),
        (["datasets", "add", empty], f"{written}/empty.txt: must not be empty"),
        (["submit", latin], "iconv -f CP1252 -t UTF-8 FILE > FILE.utf8"),
        (["losses", "job-1", "--plot", folder / "plot.jpg"], f"--plot {written}/plot.jpg: the plot is a"),
    ]:
        outcome = pretrain(*arguments)
        assert message in outcome.err
        assert outcome.err.count("\n") == 1
