"""How many connections there may be, by how many files may be open."""

import subprocess
import sys

from api.server.open_files import OTHER_FILES, max_connections

RAISE = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))
from api.server.open_files import raise_open_files_limit
print(raise_open_files_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_process_allows_itself_as_many_open_files_as_it_may() -> None:
    done = subprocess.run([sys.executable, "-c", RAISE], capture_output=True, text=True, check=True)
    assert done.stdout == "512 (512, 512)\n"


def test_connections_leave_files_for_everything_else() -> None:
    assert max_connections(20_000) == 20_000 - OTHER_FILES
    assert max_connections(4096) == 4096 - OTHER_FILES > 1024
    assert max_connections(1024) == 256
