"""datasets add, datasets list, show, rm"""

import gzip
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
    sent = service.sent("POST", "/datasets")
    assert (sent.query, sent.body) == ({"name": "märchen"}, "Es war einmal …".encode())
    assert sent.headers["Content-Type"] == "text/plain"
    assert sent.headers["Content-Length"] == str(len(sent.body))
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
    assert service.sent("POST", "/datasets").body == content
    assert outcome.err == ""


def test_datasets_add_takes_the_name_that_is_given(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond("POST", "/datasets", ADDED | {"name": ""}, 201)
    file = tmp_path / "text.txt"
    file.write_text("x")
    pretrain("datasets", "add", file, "--name", "another", "--url", service.url)
    assert service.sent("POST", "/datasets").query == {"name": "another"}


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
    assert service.sent("POST", "/datasets").body == "one\r\nwö".encode()


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"text", [], "standard input has no name: give the text one with --name"),
        (b"", ["--name", "x"], "standard input: must not be empty"),
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
        (b"", "must not be empty"),
        (b" \r\n\t", "must not be empty"),
        (b'{"text": "a"}\n', "looks like JSON Lines, a document a line: name the member"),
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
        assert service.requests[-1].body == text.encode()


def test_datasets_add_refuses_what_is_no_file(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for file, message in [
        (tmp_path / "absent.txt", "there is no such file"),
        (tmp_path / "absent.parquet", "there is no such file"),
        (tmp_path / "absent" / "text.txt", "there is no such file"),
        (tmp_path / "folder", "the folder has no file that ends in .txt, .txt.gz, .jsonl, .ndjson"),
        (Path("/dev/zero"), "must not contain a NUL character; byte 0 is one"),
    ]:
        outcome = pretrain("datasets", "add", file, "--url", service.url)
        assert outcome.status == 2
        assert outcome.err.startswith(f"pretrain: {file}: {message}")
    assert service.requests == []


def test_datasets_add_says_why_the_service_refuses_the_text_and_does_not_quote_it(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    file = tmp_path / "documents.jsonl"
    file.write_text('{"text": 1}\n')
    message = "line 1: has no member 'text', only 'a'; text_field says which one has the text"
    errors = [{"field": "", "message": message, "value": '{"a": 1}'}]
    service.respond("POST", "/datasets", {"title": "Unprocessable Content", "errors": errors}, 422)
    service.respond("POST", "/datasets", {"title": "Content Too Large", "detail": "limit of 1,048,576"}, 413)
    refused = pretrain("datasets", "add", file, "--url", service.url)
    assert (refused.status, refused.err) == (
        1,
        f"pretrain: {file}: {message.replace('text_field', '--text-field')}\n",
    )
    too_large = pretrain("datasets", "add", file, "--url", service.url)
    assert too_large.err == f"pretrain: {file}: 413 Content Too Large: limit of 1,048,576\n"


def test_datasets_add_sends_documents_as_lines(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond("POST", "/datasets", ADDED, 201)
    lines = b'{"body": "a"}\n{"body": "b"}'
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress(lines))
    pretrain("datasets", "add", tmp_path / "corpus.jsonl.gz", "--text-field", "body", "--url", service.url)
    sent = service.sent("POST", "/datasets")
    assert sent.query == {"name": "corpus", "text_field": "body"}
    assert (sent.headers["Content-Type"], sent.body) == ("application/x-ndjson", lines)


def test_datasets_add_makes_one_data_set_of_a_folder(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    service.respond("POST", "/datasets", ADDED, 201)
    write_folder(tmp_path / "corpus")
    assert pretrain("datasets", "add", tmp_path / "corpus", "--url", service.url).status == 0
    sent = service.sent("POST", "/datasets")
    assert sent.query == {"name": "corpus", "text_field": "text"}
    texts = [json.loads(line)["text"] for line in sent.body.splitlines()]
    assert texts == ["one", "two", "drei\n", "vier", "fünf"]


def write_folder(folder: Path) -> None:
    (folder / "deeper").mkdir(parents=True)
    (folder / "1.jsonl").write_text('{"text": "one"}\n{"text": "two"}')
    (folder / "2.txt").write_text("\ufeffdrei\n", encoding="utf-8")
    (folder / "3.txt.gz").write_bytes(gzip.compress(b"vier"))
    (folder / "deeper" / "4.JSONL").write_text('{"text": "f\\u00fcnf"}\n')
    (folder / "readme.md").write_text("no text")
    (folder / ".hidden.txt").write_text("no text")


def test_datasets_add_names_the_file_of_a_line_that_is_refused(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    write_folder(tmp_path / "corpus")
    errors = [{"field": "", "message": "line 5: is not JSON", "value": "x"}]
    service.respond("POST", "/datasets", {"title": "Unprocessable Content", "errors": errors}, 422)
    outcome = pretrain("datasets", "add", tmp_path / "corpus", "--url", service.url)
    reason = f"{tmp_path}/corpus/deeper/4.JSONL, line 1: is not JSON"
    assert outcome.err == f"pretrain: {tmp_path}/corpus: {reason}\n"


def test_datasets_add_asks_for_the_name_of_several_files(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a")
    outcome = pretrain("datasets", "add", tmp_path / "a.txt", tmp_path / "a.txt", "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])
    assert "give it a name with --name" in outcome.err


def test_datasets_show_prints_what_is_known(service: FakeService, pretrain: Command) -> None:
    record = ADDED | {
        "status": "ready",
        "characters": 20_123,
        "documents": 12,
        "longest_document": 4_000,
        "tokens": None,
        "token_counts": [
            {
                "tokenizer": "gpt2",
                "train_ratio": 0.9,
                "train_tokens": 9_000,
                "val_tokens": 1_000,
                "vocabulary_used": 0.1234,
                "longest_document_tokens": 800,
            },
            {"tokenizer": "bytes", "train_ratio": 0.5, "train_tokens": 7, "val_tokens": 7},
        ],
        "first_lines": "Once\x1b[2J upon\na time",
    }
    service.respond("GET", "/datasets/dataset-1", record)
    out = pretrain("datasets", "show", "dataset-1", "--url", service.url).out
    assert "documents        12\n" in out
    assert "longest document 4,000\n" in out
    counted = "9,000 + 1,000 tokens, 12.3% of the vocabulary used, longest document 800"
    assert f"by tokenizer     gpt2, train_ratio 0.9: {counted}\n" in out
    assert "by tokenizer     bytes, train_ratio 0.5: 7 + 7 tokens\n" in out
    assert out.endswith("\n\nOnce upon\na time\n")
    assert json.loads(pretrain("datasets", "show", "dataset-1", "--json", "--url", service.url).out) == record


def test_datasets_rm_deletes_it(service: FakeService, pretrain: Command) -> None:
    service.respond_with_bytes("DELETE", "/datasets/dataset-1", b"", "text/plain", 204)
    assert pretrain("datasets", "rm", "dataset-1", "--url", service.url).status == 0
    assert service.sent("DELETE", "/datasets/dataset-1")
    for wrong in ("..", "x" * 201):
        assert pretrain("datasets", "rm", wrong, "--url", service.url).status == 2


def test_datasets_list_prints_one_line_a_text(service: FakeService, pretrain: Command) -> None:
    rows = [
        {"id": "the-verdict", "name": "the-verdict", "characters": None, "tokens": None},
        {"id": "dataset-1", "name": "mine", "characters": 20_123, "documents": 12, "tokens": 4_567},
    ]
    service.respond_with_list("/datasets", rows)
    lines = pretrain("datasets", "list", "--url", service.url).out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["the-verdict", "the-verdict", "-", "-", "-"],
        ["dataset-1", "mine", "20,123", "12", "4,567"],
    ]
    assert json.loads(pretrain("datasets", "list", "--json", "--url", service.url).out) == rows
