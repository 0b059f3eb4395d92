from pathlib import Path

from worker.process_use import PAGE_BYTES, TICKS_PER_S, process_use


def test_a_process_is_known_by_its_processor_time_and_its_memory(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(["S", *map(str, range(4, 14)), str(3 * TICKS_PER_S), str(2 * TICKS_PER_S), "0"])
    (tmp_path / "7" / "stat").write_text(f"7 (a b) c) {fields}\n")
    (tmp_path / "7" / "statm").write_text("900 50 3 0 0 0 0\n")
    assert process_use(7, tmp_path) == (5.0, 50 * PAGE_BYTES)


def test_where_there_is_no_proc_nothing_is_known(tmp_path: Path) -> None:
    assert process_use(7, tmp_path / "none") == (None, None)
