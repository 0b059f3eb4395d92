"""What a process takes of its machine, seen from outside."""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def process_use(pid: int, proc: Path = Path("/proc")) -> tuple[float | None, int | None]:
    """Processor time in seconds and resident memory in bytes of a process; None for both where the system has
    no /proc. Source: proc_pid_stat(5), fields 14 and 15, and proc_pid_statm(5), field 2.

    raises  FileNotFoundError or ProcessLookupError if it is gone
    """
    if not proc.exists():
        return None, None
    # Behind the command's name, which may hold spaces and parentheses, field 3 comes first.
    fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    resident_pages = (proc / str(pid) / "statm").read_text().split()[1]
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S, int(resident_pages) * PAGE_BYTES
