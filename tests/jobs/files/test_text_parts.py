from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.files import text_parts
from jobs.files.text_parts import read_part
from tests.model.texts import TEXTS


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts") / "text.txt"


@given(
    text=TEXTS | st.text(st.characters(codec="ascii")),
    offset=st.integers(0, 60),
    limit=st.integers(1, 30),
    mark=st.sampled_from(["", "\ufeff"]),
    block_bytes=st.integers(1, 9),
)
def test_a_part_is_a_slice_of_the_text(
    file: Path, text: str, offset: int, limit: int, mark: str, block_bytes: int
) -> None:
    file.write_bytes(f"{mark}{text}".encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_parts, "BLOCK_BYTES", block_bytes)
        start_bytes = len(mark.encode())
        part = read_part(file, offset, limit, start_bytes=start_bytes, characters=len(text))
    assert part == text[offset : offset + limit]
