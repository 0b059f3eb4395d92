from pathlib import Path

import pytest

from jobs.settings import Settings, WrongSettings, load_settings
from jobs.store.database import Database


@pytest.mark.parametrize(
    "name", ["plain", "a?b", "a%41b", "50%", 'quo"ted', "a#b", "a b", "é語", "line\nend", "\udcff"]
)
def test_the_database_lies_in_the_data_folder_whatever_that_is_called(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    database = Database(Settings(data_dir=folder).database)
    with database.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE marks (place TEXT)")
    database.close()
    assert (folder / "pretrain.sqlite3").exists()
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "sqlite://",
        "mysql://root:secret@host/name",
        "postgresql://user:secret@host/name",
        "postgresql+psycopg://user:secret@host:port/name",
        "postgresql+psycopg://user:secret@host",
    ],
)
def test_a_database_url_that_the_service_cannot_use_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_DATABASE_URL", url)
    with pytest.raises(WrongSettings, match=r"^PRETRAIN_DATABASE_URL: must be a URL such as") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["foo", "localhost:6379", "http://host", "unix:///socket", "redis://", "redis://:secret@host:port/0"],
)
def test_a_redis_url_that_the_service_cannot_use_is_refused_without_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_REDIS_URL", url)
    with pytest.raises(WrongSettings, match=r"^PRETRAIN_REDIS_URL: must be a URL such as") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e400", "1e9", "0", "-1"])
@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name.endswith("_s")])
def test_a_time_is_positive_and_can_be_counted_with(
    name: str, seconds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PRETRAIN_{name.upper()}", seconds)
    with pytest.raises(WrongSettings, match=rf"^PRETRAIN_{name.upper()}='{seconds}': must be "):
        load_settings()


@pytest.mark.parametrize(("lease", "renew"), [("30", "30"), ("30", "20"), ("5", None), (None, "31")])
def test_a_renewal_that_comes_too_late_for_its_lease_is_refused_naming_both(
    lease: str | None, renew: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PRETRAIN_LEASE_S", lease), ("PRETRAIN_RENEW_S", renew)):
        if value is not None:
            monkeypatch.setenv(name, value)
    message = (
        rf"^PRETRAIN_RENEW_S='{renew or 5}': must be less than .* PRETRAIN_LEASE_S, which is {lease or 30}:"
    )
    with pytest.raises(WrongSettings, match=message):
        load_settings()


def test_a_renewal_within_two_thirds_of_its_lease_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETRAIN_RENEW_S", "19.9")
    assert load_settings().renew_s == 19.9
