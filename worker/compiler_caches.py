"""Where compilers keep their caches: in a folder that nobody else may write to.

PyTorch's, Triton's and Numba's unpickle and load what they find in their caches, and PyTorch's lie in the
shared temporary folder by default, under a name that anybody can predict and create first.
"""

import os
import stat
import tempfile
from pathlib import Path

FOLDER = "compiler-caches"

CACHES = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TORCH_EXTENSIONS_DIR": "extensions",
    "TRITON_HOME": "triton-home",
    "TRITON_CACHE_DIR": "triton",
    "NUMBA_CACHE_DIR": "numba",
    "CUDA_CACHE_PATH": "cuda",
    # Some of inductor's caches, such as those of `pad_mm`, take no notice of TORCHINDUCTOR_CACHE_DIR.
    "TMPDIR": "tmp",
}
"""Environment variables that name a cache, and its subfolder."""

REMOTE_CACHES = (
    "TORCHINDUCTOR_FX_GRAPH_REMOTE_CACHE",
    "TORCHINDUCTOR_AUTOTUNE_REMOTE_CACHE",
    "TORCHINDUCTOR_BUNDLED_AUTOTUNE_REMOTE_CACHE",
    "TORCHINDUCTOR_AUTOGRAD_REMOTE_CACHE",
    "TORCH_DYNAMO_AUTOMATIC_DYNAMIC_REMOTE_PGO",
)
"""Environment variables that turn on caches on a server, whose answers are unpickled too."""


class UnsafeFolder(Exception):
    """The folder of the caches is not private to this user, so what lies in it can't be trusted."""


def use_private_caches(data_dir: Path) -> None:
    """Have every compiler of this process keep its caches below `data_dir`, whatever the environment says.

    To be called before anything compiles. raises  UnsafeFolder, OSError
    """
    folder = data_dir / FOLDER
    make_private(folder)
    for name, subfolder in CACHES.items():
        (folder / subfolder).mkdir(exist_ok=True)
        os.environ[name] = str(folder / subfolder)
    os.environ |= dict.fromkeys(REMOTE_CACHES, "0")
    tempfile.tempdir = os.environ["TMPDIR"]  # it may have been looked up before


def make_private(folder: Path) -> None:
    """Create `folder`, private to this user, unless it is there. raises  UnsafeFolder if it is not private,
    OSError"""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            problem = "is no folder"
        elif status.st_uid != os.geteuid():
            problem = f"belongs to the user {status.st_uid}"
        elif stat.S_IMODE(status.st_mode) & 0o077:
            problem = f"is open to other users (its mode is {stat.S_IMODE(status.st_mode):04o})"
        else:
            return
        raise UnsafeFolder(
            f"{folder.name} in the data folder {problem}, so nothing in it can be trusted: remove it, "
            f"and it is made again, for the user {os.geteuid()} alone (mode 0700)"
        ) from None
