"""Whether the kernel has killed for want of memory: its counter, of this control group and of the machine."""

from pathlib import Path

COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))


def kernel_oom_kills() -> int:
    """Kills so far, 0 where the system does not tell. Only a rise means anything."""
    return sum(oom_kills_in(path.read_text()) for path in COUNTERS if path.exists())


def oom_kills_in(counters: str) -> int:
    """The `oom_kill` among lines of a name and a number."""
    for line in counters.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill":
            return int(number)
    return 0
