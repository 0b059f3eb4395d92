import io
import stat
import zipfile

import pytest
from flask import Flask

from api.http import zip_stream
from api.http.zip_stream import Member, zip_bytes, zip_chunks, zip_response

MEMBERS = [
    Member.of("README.md", "Grüße\n"),
    Member.of("leer", b""),
    Member("groß.bin", 3_000, lambda: (bytes([number]) * 1_000 for number in range(3))),
    Member.of("last.json", "{}"),
]


def test_an_archive_has_the_files_and_the_length_that_was_announced() -> None:
    data = b"".join(zip_chunks(MEMBERS))
    assert len(data) == zip_bytes(MEMBERS)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [member.name for member in MEMBERS]
        for member in MEMBERS:
            assert archive.read(member.name) == b"".join(member.chunks())
            info = archive.getinfo(member.name)
            assert info.compress_type == zipfile.ZIP_STORED
            assert stat.S_IMODE(info.external_attr >> 16) == 0o644


def test_an_archive_without_files_has_the_length_that_was_announced() -> None:
    assert len(b"".join(zip_chunks([]))) == zip_bytes([])


def test_equal_members_give_equal_bytes() -> None:
    assert list(zip_chunks(MEMBERS)) == list(zip_chunks(MEMBERS))


@pytest.mark.parametrize("limit", [0, 10, 1_000, 2_999, 3_000, 3_100, 3_400, 3_600, 10_000])
def test_the_length_is_right_where_an_archive_needs_64_bits(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    # The real limit is 2 GiB: with a lower one the same extra fields are written for small files.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    monkeypatch.setattr(zip_stream, "ZIP64_LIMIT", limit)
    data = b"".join(zip_chunks(MEMBERS))
    assert len(data) == zip_bytes(MEMBERS)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None


def test_a_member_of_another_size_than_announced_is_an_error() -> None:
    with pytest.raises(ValueError, match="short has 2 bytes, not 3"):
        list(zip_chunks([Member("short", 3, lambda: [b"ab"])]))


def test_a_response_that_is_given_up_lets_go_of_what_it_read_from() -> None:
    closed = []
    with Flask("small").test_request_context():
        response = zip_response(MEMBERS, "some.zip", on_close=lambda: closed.append(True))
        next(iter(response.response))
        response.close()
    assert closed == [True]
    assert response.headers["Content-Disposition"] == "attachment; filename=some.zip"
