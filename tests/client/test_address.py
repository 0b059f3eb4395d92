"""Where the service is."""

from pathlib import Path

import pytest

from client.address import find_service
from client.errors import ClientError, UsageError
from client.url_file import publish_url
from tests.client.conftest import Command


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("PRETRAIN_URL", raising=False)
    return tmp_path


def test_the_command_line_comes_before_the_environment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_URL", "http://elsewhere:1")
    assert find_service("http://here:2/").url == "http://here:2"


def test_the_environment_comes_before_the_file(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETRAIN_URL", "http://elsewhere:1")
    with publish_url(data_dir, "http://127.0.0.1:9"):
        assert find_service().url == "http://elsewhere:1"
        assert find_service().source == "PRETRAIN_URL"


def test_the_file_that_up_wrote_comes_before_the_default(data_dir: Path) -> None:
    with publish_url(data_dir, "http://127.0.0.1:9"):
        assert find_service().url == "http://127.0.0.1:9"
        assert find_service().source == str(data_dir / "url")


def test_the_file_of_a_service_that_was_killed_is_not_believed(data_dir: Path) -> None:
    publish_url(data_dir, "http://127.0.0.1:9").close()
    address = find_service()
    assert address.url == "http://127.0.0.1:8000"
    assert address.source == f"the default: the service that left {data_dir / 'url'} no longer runs"


def test_whoever_reads_the_file_keeps_no_other_from_reading_it(data_dir: Path) -> None:
    with publish_url(data_dir, "http://127.0.0.1:9"):
        assert [find_service().url for _ in range(3)] == ["http://127.0.0.1:9"] * 3


def test_without_any_of_them_it_is_the_default_port(data_dir: Path) -> None:
    assert find_service().url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "url",
    [
        "", "/", "::", "127.0.0.1:8000", "localhost", "ftp://x", "http:", "http://", "http:///x", "http://[::1",
        "http://[1::2::3]", "http://a:99999", "http://a:x", "http://a:0", "http://exa mple", "http://a\nb",
        "http://%", "http://a..b", "http://" + "a" * 64 + ".x", "http://" + "a." * 200 + "x", "http://x?y",
        "http://x#y", "http://x/?", "http://\udcff", "http://a\u202eb", "http://a\x00b",
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["--url", "PRETRAIN_URL"])
def test_what_is_no_url_is_a_usage_error(
    source: str, url: str, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "--url":
        outcome = pretrain("jobs", "--url", url)
    elif url == "" or "\x00" in url:
        return  # an empty variable is none, and no variable holds a NUL
    else:
        monkeypatch.setenv("PRETRAIN_URL", url)
        outcome = pretrain("jobs")
    assert outcome.status == 2
    assert outcome.err.startswith(f"pretrain: {source}: '")
    assert outcome.err.endswith("; a service's URL is like http://127.0.0.1:8000\n")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000", "http://[::1]:8000/", "https://host", "http://my_host:1/prefix/", "http://bücher.example",
        "HTTP://Host.", "http://user:word@host:1", " http://host ",
    ],
)  # fmt: skip
def test_what_is_a_url_is_taken(url: str) -> None:
    assert find_service(url).url == url.strip().rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@127.0.0.1:1",
        "http://user:hunter2@127.0.0.1:1/" + "a" * 3000,
        "http://user:hunter2/x@127.0.0.1:1",
        "http://user:hunter2@x@127.0.0.1:1",
        "http://hunter2@a..b",
        "//user:hunter2@host",
        "user:hunter2@host",
    ],
)
def test_no_message_has_the_password_in_a_url_or_all_of_a_long_one(
    url: str, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_URL", url)
    outcome = pretrain("jobs")
    assert outcome.status in (1, 2)
    assert "hunter2" not in outcome.err
    assert "…@" in outcome.err
    assert len(outcome.err) < 500


def test_a_url_file_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path))
    file = tmp_path / "url"
    for content in (b"", b"\xff", b"not a url\n"):
        with publish_url(tmp_path, ""):
            file.write_bytes(content)
            with pytest.raises(ClientError, match="holds no URL") as refusal:
                find_service()
        assert str(file) in str(refusal.value)
        assert not isinstance(refusal.value, UsageError)
    file.unlink()
    file.mkdir()
    with pytest.raises(ClientError, match="cannot read"):
        find_service()


def test_an_address_that_is_no_url_is_named(pretrain: Command) -> None:
    outcome = pretrain("jobs", "--url", "127.0.0.1:8000")
    assert outcome.status == 2
    assert "127.0.0.1:8000" in outcome.err
    assert "http" in outcome.err.lower()
