"""How many files the process may have open, and how many of them may be clients' connections."""

import resource
from contextlib import suppress

from api.server.pools import GENERATIONS, STREAMS

OTHER_FILES = GENERATIONS.max_threads + STREAMS.max_threads + 512
"""Open beside clients' connections, at most: one to the broker for each generation that is waited for, a file
for each download, those to the database, of which SQLite opens three each, and what is read from disk."""


def raise_open_files_limit() -> int:
    """Raise the process's soft limit of open files to its hard limit; returns the new one."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems say that there is no limit, and yet refuse to set none.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**20 if limit == resource.RLIM_INFINITY else limit


def max_connections(open_files_limit: int) -> int:
    """Connections that leave enough files for everything else."""
    return max(open_files_limit - OTHER_FILES, open_files_limit // 4)
