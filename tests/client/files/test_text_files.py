import gzip
import json
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from client.errors import UsageError
from client.files import text_files
from client.files.text_files import NDJSON, PLAIN, find_text_files, stem_of


def sent(file: Path, text_field: str | None = None) -> bytes:
    return b"".join(find_text_files([file], text_field).blocks(lambda _: None))


@pytest.mark.parametrize(
    ("names", "text_field", "media_type"),
    [
        (["a.txt"], None, PLAIN),
        (["a"], None, PLAIN),
        (["a.txt.gz"], None, PLAIN),
        (["-"], None, PLAIN),
        (["-"], "text", NDJSON),
        (["a.json"], "body", NDJSON),
        (["a.jsonl"], None, NDJSON),
        (["a.NDJSON.gz"], None, NDJSON),
        (["a.parquet"], None, NDJSON),
        (["a.txt", "b.txt"], None, NDJSON),
    ],
)
def test_one_file_without_documents_is_plain_text(
    names: list[str], text_field: str | None, media_type: str
) -> None:
    assert find_text_files([Path(name) for name in names], text_field).media_type == media_type


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_the_only_text_in_a_folder_is_a_document(tmp_path: Path, name: str) -> None:
    content = b'{"text": "looks like a line"}\n'
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    texts = find_text_files([tmp_path], None)
    assert (texts.media_type, texts.body_bytes) == (NDJSON, None)
    assert [json.loads(line) for line in sent(tmp_path).splitlines()] == [{"text": content.decode()}]


def test_the_only_lines_in_a_folder_are_sent_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "one"}')
    texts = find_text_files([tmp_path], None)
    assert (texts.media_type, texts.body_bytes, sent(tmp_path)) == (NDJSON, 15, b'{"text": "one"}')


def test_standard_input_is_sent_alone() -> None:
    with pytest.raises(UsageError, match="standard input can't be sent together with files"):
        find_text_files([Path("-"), Path("a.txt")], None)


def test_a_packed_text_is_unpacked_on_the_way_and_its_progress_is_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.txt.gz"
    text = "".join(f"{number} é\n" for number in range(200_000)).encode()
    file.write_bytes(gzip.compress(text))
    read: list[int] = []
    texts = find_text_files([file], None)
    assert b"".join(texts.blocks(read.append)) == text
    assert len(read) > 5
    assert sum(read) == texts.bytes_on_disk == file.stat().st_size
    assert texts.body_bytes is None


def test_the_length_of_what_is_sent_as_it_is_is_known(tmp_path: Path) -> None:
    for name in ("a.txt", "a.jsonl"):
        (tmp_path / name).write_bytes(b"12345")
        assert find_text_files([tmp_path / name], None).body_bytes == 5
    assert find_text_files([Path("/dev/zero")], None).body_bytes is None


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"no gzip file" + content])
def test_a_damaged_gzip_file_is_refused_by_its_name(tmp_path: Path, damage: object) -> None:
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(damage(gzip.compress(b'{"text": "a"}')))  # type: ignore[operator]
    with pytest.raises(UsageError, match=r"a\.jsonl\.gz: is no whole gzip file"):
        sent(file)


def test_a_small_file_that_unpacks_to_too_much_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "MAX_DATASET_BYTES", 10_000_000)
    file = tmp_path / "bomb.txt.gz"
    file.write_bytes(gzip.compress(b"a" * 100_000_000))
    assert file.stat().st_size < 100_000
    read: list[bytes] = []
    with pytest.raises(UsageError, match="more than 10,000,000 bytes once it is unpacked"):
        read.extend(find_text_files([file], None).blocks(lambda _: None))
    assert sum(map(len, read)) <= 10_000_000


def test_a_text_among_documents_must_be_utf8_and_short_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in (("a.txt", b"\xff"), ("b.txt", b"b" * 100)):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=r"a\.txt: must be UTF-8 text; byte 0 is not"):
        sent(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    monkeypatch.setattr(text_files, "MAX_LINE_BYTES", 99)
    with pytest.raises(UsageError, match=r"b\.txt: is longer than 99 bytes, too long for one document"):
        sent(tmp_path)


def write_parquet(file: Path, **columns: list[object]) -> None:
    parquet.write_table(pyarrow.table(columns), file, row_group_size=1000)


def test_the_texts_of_a_parquet_file_are_lines(tmp_path: Path) -> None:
    texts = [f"text {number}\né" for number in range(2500)]
    write_parquet(tmp_path / "a.parquet", id=list(range(2500)), body=texts)
    lines = sent(tmp_path / "a.parquet", "body").splitlines()
    assert [json.loads(line) for line in lines] == [{"body": text} for text in texts]


def test_a_parquet_file_without_the_column_is_refused_with_those_it_has(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", id=[1], body=["a"])
    with pytest.raises(UsageError, match="has no column 'text', only 'id', 'body'; --text-field says"):
        sent(tmp_path / "a.parquet")


def test_a_file_that_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 is how one begins")
    with pytest.raises(UsageError, match=r"a\.parquet: is no whole Parquet file: "):
        sent(tmp_path / "a.parquet")


def test_without_pyarrow_a_parquet_file_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parquet(tmp_path / "a.parquet", text=["a"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"takes the package pyarrow: pip install 'pretrain\[parquet\]'"):
        sent(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.txt", "a"), ("a.jsonl.gz", "a"), ("a.b.parquet", "a.b"), ("a", "a")],
)
def test_a_data_set_is_called_as_its_file_is(name: str, stem: str) -> None:
    assert stem_of(Path("folder") / name) == stem


def test_a_data_set_is_called_as_its_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpus.d").mkdir()
    monkeypatch.chdir(tmp_path / "corpus.d")
    assert stem_of(Path()) == stem_of(tmp_path / "corpus.d") == "corpus.d"
