from pathlib import Path

import pytest

from client.errors import ClientError, UsageError
from client.files.folder import new_folder


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "name").write_text("older")

    def fail() -> None:
        with new_folder(target, replace=True) as folder:
            (folder / "name").write_text("newer")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    assert (target / "name").read_text() == "older"


def test_a_folder_that_somebody_fills_meanwhile_is_left_to_them(tmp_path: Path) -> None:
    target = tmp_path / "folder"

    def be_overtaken() -> None:
        with new_folder(target, replace=False) as folder:
            (folder / "name").write_text("mine")
            target.mkdir()
            (target / "name").write_text("theirs")

    with pytest.raises(UsageError, match="is not empty"):
        be_overtaken()
    assert (target / "name").read_text() == "theirs"


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with (
        pytest.raises(ClientError, match=r"cannot write .*/file: File exists"),
        new_folder(tmp_path / "file" / "folder", replace=False),
    ):
        pass


def test_the_folder_that_one_is_in_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    for place in (Path(), Path(".."), tmp_path):
        with pytest.raises(UsageError, match="is where you are"), new_folder(place, replace=True):
            pass


def test_what_lies_beside_the_new_folder_is_deleted(tmp_path: Path) -> None:
    with new_folder(tmp_path / "folder", replace=False) as folder:
        (folder.parent / "archive.zip").write_text("scratch")
        (folder / "kept").write_text("kept")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    assert [entry.name for entry in (tmp_path / "folder").iterdir()] == ["kept"]
