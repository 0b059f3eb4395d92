from pathlib import Path

import pytest

from jobs.database import Database
from jobs.settings import Settings


@pytest.mark.parametrize(
    "name", ["plain", "a?b", "a%41b", "50%", 'quo"ted', "a#b", "a b", "é語", "line\nend", "\udcff"]
)
def test_the_database_lies_in_the_data_folder_whatever_that_is_called(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    database = Database(Settings(data_dir=folder).database)
    with database.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE found (place TEXT)")
    database.close()
    assert (folder / "pretrain.sqlite3").exists()
    assert list(tmp_path.iterdir()) == [folder]
