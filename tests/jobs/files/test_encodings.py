import codecs
import gzip
import lzma
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.files.encodings import why_not_utf8

FRENCH = "Été à la façade : où est passé le garçon ? L’œuvre « complète » coûte 5 €. "
ENGLISH = "It’s a “quote” — and so it goes, the man said to his wife as they left the house. "
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. "
POLISH = "Zażółć gęślą jaźń i wróć do domu. "


@given(st.text().filter(lambda text: "\0" not in text))
@example("")
@example("\ufeffwith a byte order mark")
@example(RUSSIAN)
def test_nothing_is_wrong_with_utf8(text: str) -> None:
    assert why_not_utf8(text.encode()) is None


@given(st.binary(max_size=300))
def test_of_any_bytes_just_those_that_are_not_utf8_or_have_many_nuls_are_refused(content: bytes) -> None:
    reason = why_not_utf8(content)
    is_utf8 = content.decode(errors="ignore").encode() == content
    assert (reason is None) == is_utf8 or (is_utf8 and b"\0" in content)


@pytest.mark.parametrize("text", [FRENCH, ENGLISH, "caf\xe9"])
def test_western_text_of_windows_is_recognised(text: str) -> None:
    reason = why_not_utf8(text.encode("cp1252"))
    assert reason is not None
    assert "it looks like cp1252" in reason
    assert "iconv -f CP1252 -t UTF-8 FILE > FILE.utf8" in reason


@pytest.mark.parametrize(
    ("mark", "encoding", "name"),
    [
        (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
        (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
        (b"", "utf-16-le", "UTF-16LE"),
        (b"", "utf-16-be", "UTF-16BE"),
    ],
)
@pytest.mark.parametrize("text", [ENGLISH, "plain English"])
def test_text_of_two_or_four_bytes_a_character_is_recognised(
    mark: bytes, encoding: str, name: str, text: str
) -> None:
    reason = why_not_utf8(mark + text.encode(encoding))
    assert reason is not None
    assert f"iconv -f {name} -t UTF-8 " in reason


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (POLISH, "cp1250"), ("吾輩は猫である。" * 9, "shift_jis")],
)
def test_no_encoding_is_named_where_none_is_likely(text: str, encoding: str) -> None:
    reason = why_not_utf8(text.encode(encoding))
    assert reason is not None
    assert "hard to tell" in reason
    assert "iconv -f ENCODING" in reason


@pytest.mark.parametrize("content", [RUSSIAN.encode() + b"\xff" + RUSSIAN.encode(), RUSSIAN.encode()[:-3]])
def test_a_wrong_byte_among_utf8_is_called_damage(content: bytes) -> None:
    reason = why_not_utf8(content)
    assert reason is not None
    assert "it is damaged there" in reason
    assert "iconv -c -f UTF-8" in reason


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-32"])
def test_the_command_converts_a_file_of_any_name(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "it's a 'story'; rm -rf.txt"
    file.write_bytes(FRENCH.encode(encoding))
    reason = why_not_utf8(file.read_bytes(), str(file))
    assert reason is not None
    command = reason.partition("This converts it: ")[2]
    subprocess.run(["sh", "-c", command], check=True)
    assert Path(shlex.split(command)[-1]).read_text(encoding="utf-8") == FRENCH


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(FRENCH.encode()), "a gzip file: unpack it first"),
        (lzma.compress(FRENCH.encode()), "an xz file: unpack it first"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "a PDF: take its text out first"),
        (b"PK\x03\x04\x14\0\0\0\x08\0\xb5\x8a", "a zip archive, or a document that is one: take its text"),
    ],
)
def test_what_is_no_text_in_any_encoding_is_told_what_it_is(content: bytes, kind: str) -> None:
    reason = why_not_utf8(content)
    assert reason is not None
    assert reason.startswith(f"must be UTF-8 text, and this is not text but {kind}")
    assert "iconv" not in reason


def test_text_that_begins_as_a_pdf_does_is_text() -> None:
    assert why_not_utf8(b"%PDF-1.7 is how a PDF begins.") is None
