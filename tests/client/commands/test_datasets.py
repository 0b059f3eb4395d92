"""datasets add, datasets list"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.client.conftest import Command, Stdin
from tests.client.service import FakeService

ADDED = {"id": "dataset-1", "name": "text", "notices": []}


def test_datasets_add_sends_the_text_under_the_files_name(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond("POST", "/datasets", ADDED | {"name": "märchen"}, 201)
    file = tmp_path / "märchen.txt"
    file.write_text("Es war einmal …", encoding="utf-8")
    outcome = pretrain("datasets", "add", file, "--url", service.url)
    assert service.sent("POST", "/datasets").body == {"name": "märchen", "text": "Es war einmal …"}
    assert outcome.out == "dataset-1\n"


@pytest.mark.parametrize(
    "content",
    [b"one\r\ntwo\rthree\n", b"\r\n \x0b\x0c\x85".replace(b"\x85", b"x"), "\ufeffé語\r\n🙂\u2028".encode()],
)
def test_datasets_add_keeps_every_byte(
    content: bytes, service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond("POST", "/datasets", ADDED, 201)
    file = tmp_path / "text.txt"
    file.write_bytes(content)
    outcome = pretrain("datasets", "add", file, "--url", service.url)
    assert outcome.status == 0
    assert service.sent("POST", "/datasets").body["text"].encode() == content
    assert outcome.err == ""


def test_datasets_add_takes_the_name_that_is_given(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond("POST", "/datasets", ADDED | {"name": ""}, 201)
    file = tmp_path / "text.txt"
    file.write_text("x")
    for name in ("another", ""):
        pretrain("datasets", "add", file, "--name", name, "--url", service.url)
    assert [request.body["name"] for request in service.requests] == ["another", ""]


def test_datasets_add_says_what_the_service_has_noticed(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    notices = ["The same text is stored already: it is dataset-1, called 'older'.", "\x1b[2JIt has a mark."]
    service.respond("POST", "/datasets", ADDED | {"name": "older", "notices": notices}, 200)
    file = tmp_path / "newer.txt"
    file.write_text("the same")
    outcome = pretrain("datasets", "add", file, "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "dataset-1\n")
    assert outcome.err == f"{notices[0]}\nIt has a mark.\n"
    assert (
        json.loads(pretrain("datasets", "add", file, "--json", "--url", service.url).out)["id"] == "dataset-1"
    )


def test_datasets_add_reads_a_text_from_standard_input(
    service: FakeService, pretrain: Command, stdin: Stdin
) -> None:
    service.respond("POST", "/datasets", ADDED, 201)
    stdin("one\r\nwö".encode())
    assert pretrain("datasets", "add", "-", "--name", "mine", "--url", service.url).out == "dataset-1\n"
    assert service.sent("POST", "/datasets").body == {"name": "mine", "text": "one\r\nwö"}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"text", [], "standard input has no name: give the text one with --name"),
        (b"", ["--name", "x"], "standard input: is empty"),
        ("schöne Märchen".encode("cp1252"), ["--name", "x"], "iconv -f CP1252 -t UTF-8 FILE > FILE.utf8"),
    ],
)
def test_datasets_add_refuses_what_is_no_text_in_standard_input(
    content: bytes,
    options: list[str],
    message: str,
    service: FakeService,
    pretrain: Command,
    stdin: Stdin,
) -> None:
    stdin(content)
    outcome = pretrain("datasets", "add", "-", *options, "--url", service.url)
    assert outcome.status == 2
    assert message in outcome.err
    assert service.requests == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("schöne Märchen für die Kinder".encode("cp1252"), "it looks like cp1252"),
        ("schöne Märchen".encode("utf-16"), "it looks like UTF-16"),
        ("tales".encode("utf-16-le"), "it looks like UTF-16 without a byte order mark"),
        (b"", "is empty"),
        (b" \r\n\t", "has only white space"),
    ],
)
def test_datasets_add_refuses_what_is_no_text_in_utf8(
    content: bytes, message: str, service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    file = tmp_path / "my text.txt"
    file.write_bytes(content)
    outcome = pretrain("datasets", "add", file, "--url", service.url)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"pretrain: {file}: ")
    assert message in outcome.err
    assert service.requests == []


def test_the_command_that_datasets_add_names_converts_the_file(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond("POST", "/datasets", ADDED, 201)
    text = "schöne Märchen – für „Kinder“\r\n"
    file = tmp_path / "it's mine.txt"
    for encoding in ("cp1252", "utf-16", "utf-16-be"):
        file.write_text(text, encoding=encoding, newline="")
        command = pretrain("datasets", "add", file, "--url", service.url).err.partition("converts it: ")[2]
        subprocess.run(command, shell=True, check=True)
        converted = tmp_path / "it's mine.txt.utf8"
        assert pretrain("datasets", "add", converted, "--url", service.url).status == 0
        assert service.requests[-1].body["text"] == text


def test_datasets_add_refuses_what_is_no_file(
    service: FakeService, pretrain: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.commands.upload.MAX_BYTES", 1000)
    for file, message in [
        (tmp_path / "absent.txt", "there is no such file"),
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "absent" / "text.txt", "there is no such file"),
        (Path("/dev/zero"), "has more than 1,000 bytes"),
    ]:
        outcome = pretrain("datasets", "add", file, "--url", service.url)
        assert (outcome.status, outcome.err) == (2, f"pretrain: {file}: {message}\n")
    assert service.requests == []


def test_datasets_add_says_why_the_service_refuses_the_text_and_does_not_quote_it(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    file = tmp_path / "documents.jsonl"
    file.write_text('{"text": "a"}\n{"text": "b"}\n')
    message = "looks like JSON Lines, which is not supported yet. This makes it plain text: jq -r .text"
    hint = f"{message} FILE > FILE.txt"
    errors = [{"field": "text", "message": hint, "value": '{"text": "a"}'}]
    service.respond("POST", "/datasets", {"title": "Unprocessable Content", "errors": errors}, 422)
    service.respond("POST", "/datasets", {"title": "Content Too Large", "detail": "limit of 1,048,576"}, 413)
    refused = pretrain("datasets", "add", file, "--url", service.url)
    assert (refused.status, refused.err) == (1, f"pretrain: {file}: {message} {file} > {file}.txt\n")
    too_large = pretrain("datasets", "add", file, "--url", service.url)
    assert too_large.err == f"pretrain: {file}: 413 Content Too Large: limit of 1,048,576\n"


def test_datasets_list_prints_one_line_a_text(service: FakeService, pretrain: Command) -> None:
    rows = [
        {"id": "the-verdict", "name": "the-verdict", "characters": None, "tokens": None},
        {"id": "dataset-1", "name": "mine", "characters": 20_123, "tokens": 4_567},
    ]
    service.respond_with_list("/datasets", rows)
    lines = pretrain("datasets", "list", "--url", service.url).out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["the-verdict", "the-verdict", "-", "-"],
        ["dataset-1", "mine", "20,123", "4,567"],
    ]
    assert json.loads(pretrain("datasets", "list", "--json", "--url", service.url).out) == rows
