import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.multipart import FilePart, read_file_part
from api.http.problems import HTTPProblem
from tests.jobs.files.test_plain_text import blocks_of

HEAD = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\n"
)
END = b"\r\n--b--\r\n"


def read(body: bytes, size: int = 1000) -> FilePart:
    return read_file_part(blocks_of(body, size), "b")


@given(content=st.binary(max_size=200).filter(lambda content: b"--b" not in content), size=st.integers(9, 50))
def test_the_content_of_the_file_arrives_whole_wherever_the_body_is_cut(content: bytes, size: int) -> None:
    part = read_file_part([HEAD, *blocks_of(content + END, size)], "b")
    assert (part.filename, part.content_type) == ("a.txt", "text/plain")
    assert b"".join(part.blocks) == content


@pytest.mark.parametrize("length", range(30))
@pytest.mark.parametrize("boundary", ["b", "-" * 30 + "xyz"])
def test_a_block_that_ends_in_a_boundary_adds_nothing_to_the_content(length: int, boundary: str) -> None:
    head, end = (part.replace(b"--b", b"--" + boundary.encode()) for part in (HEAD, END))
    content = b"x" * length
    for size in range(len(head), len(head) + length + len(end)):
        blocks = blocks_of(head + content + end, size)
        assert b"".join(read_file_part(blocks, boundary).blocks) == content


def test_the_first_block_of_the_content_is_never_a_part_of_a_mark() -> None:
    blocks = [HEAD, b"\xef", b"\xbb\xbf", b"a" * 100_000, b"b" * 100_000, END]
    content = list(read_file_part(blocks, "b").blocks)
    assert content[0] == b"\xef\xbb\xbf" + b"a" * 100_000
    assert b"".join(content[1:]) == b"b" * 100_000


def test_what_stands_before_and_behind_the_file_is_skipped() -> None:
    assert b"".join(read(b"a preamble\r\n" + HEAD + b"text" + END + b"an epilogue").blocks) == b"text"


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"--b--\r\n", "file", "must be given"),
        (HEAD.replace(b'"file"', b'"name"') + b"a" + END, "name", "unknown part; only 'file'"),
        (HEAD.replace(b'name="file"; ', b"") + b"a" + END, "", "unknown part"),
        (HEAD.replace(b'; filename="a.txt"', b"") + b"a" + END, "file", "must be a file, with a filename"),
        (HEAD + b"a\r\n" + HEAD + b"b" + END, "file", "unknown part; only 'file' may be sent, and once"),
        (HEAD + b"a\r\n" + HEAD.replace(b'"file"', b'"x"') + b"b" + END, "x", "unknown part"),
    ],
)
@pytest.mark.parametrize("size", [9, 1000])
def test_a_form_that_is_not_one_file_is_refused(body: bytes, field: str, message: str, size: int) -> None:
    with pytest.raises(HTTPProblem) as caught:
        list(read(body, size).blocks)
    (error,) = caught.value.errors
    assert (caught.value.status, error.field) == (422, field)
    assert error.message.startswith(message)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        HEAD[:30],
        HEAD + b"text",
        HEAD + b"text\r\n--b",
        b"--b\r\nContent-Type: text/plain\r\n\r\ntext" + END,
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xff"\r\n\r\ntext' + END,
        b"x" * 1_000_000,
        b"--b\r\nX: " + b"x" * 1_000_000 + HEAD,
        HEAD + b"text" + END + b"x" * 1_000_000,
    ],
)
def test_a_malformed_form_is_answered_with_400(body: bytes) -> None:
    with pytest.raises(HTTPProblem, match="the multipart body is malformed") as caught:
        list(read(body).blocks)
    assert caught.value.status == 400


def test_a_form_without_a_boundary_is_answered_with_400() -> None:
    for boundary in (None, ""):
        with pytest.raises(HTTPProblem, match="must have a boundary"):
            read_file_part([b"text"], boundary)
