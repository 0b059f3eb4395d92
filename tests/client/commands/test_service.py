"""up"""

from pathlib import Path

import pytest

from tests.client.running import finished, stand_in_environment


@pytest.mark.parametrize("host", [b"\xff", "a b", "a..b", "a" * 300, "127.0.0.1:80", ""])
def test_a_host_that_is_none_is_a_usage_error(host: str | bytes, tmp_path: Path) -> None:
    ended = finished(["up", "--host", host], stand_in_environment(tmp_path / "data"), capture_output=True)
    assert ended.returncode == 2
    assert b"pretrain: --host: '" in ended.stderr
    assert ended.stderr.count(b"\n") == 1
