"""Processes as the kernel knows them."""

from pathlib import Path


def pids_of(text: str) -> list[int]:
    """Processes whose command line contains `text`, zombies left out."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since
        if text in command:
            pids.append(int(folder.name))
    return pids


def state_of(pid: int) -> str:
    """As in `man proc`: T is stopped, Z a zombie. X: it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def parent_of(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])
