"""Where compilers keep what they have compiled: in a folder that nobody else may write to.

PyTorch's, Triton's and Numba's unpickle and load what they find in their caches, and PyTorch's lie in the
shared temporary folder by default, under a name that anybody can foresee and make first.
"""

import os
import stat
import tempfile
from pathlib import Path

FOLDER = "compiler-caches"

PLACES = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TORCH_EXTENSIONS_DIR": "extensions",
    "TRITON_HOME": "triton-home",
    "TRITON_CACHE_DIR": "triton",
    "NUMBA_CACHE_DIR": "numba",
    "CUDA_CACHE_PATH": "cuda",
    # Some of inductor's caches, such as those of `pad_mm`, take no notice of TORCHINDUCTOR_CACHE_DIR.
    "TMPDIR": "tmp",
}
"""Variables that name a cache, and its place in the folder."""

REMOTE = (
    "TORCHINDUCTOR_FX_GRAPH_REMOTE_CACHE",
    "TORCHINDUCTOR_AUTOTUNE_REMOTE_CACHE",
    "TORCHINDUCTOR_BUNDLED_AUTOTUNE_REMOTE_CACHE",
    "TORCHINDUCTOR_AUTOGRAD_REMOTE_CACHE",
    "TORCH_DYNAMO_AUTOMATIC_DYNAMIC_REMOTE_PGO",
)
"""Variables that have caches kept with a server, whose answers are unpickled too."""


class UnsafeFolder(Exception):
    """The folder of the caches is not this user's alone, so what lies in it can't be trusted."""


def keep_caches_private(data_dir: Path) -> None:
    """Have every compiler of this process keep its caches below `data_dir`, whatever the environment says.

    To be called before anything compiles. raises  UnsafeFolder, OSError
    """
    folder = data_dir / FOLDER
    make_private(folder)
    for name, place in PLACES.items():
        (folder / place).mkdir(exist_ok=True)
        os.environ[name] = str(folder / place)
    os.environ |= dict.fromkeys(REMOTE, "0")
    tempfile.tempdir = os.environ["TMPDIR"]  # it may have been looked up before


def make_private(folder: Path) -> None:
    """Make `folder` for this user alone, unless it is that already. raises  UnsafeFolder, OSError"""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            wrong = "is no folder"
        elif found.st_uid != os.geteuid():
            wrong = f"belongs to the user {found.st_uid}"
        elif stat.S_IMODE(found.st_mode) & 0o077:
            wrong = f"is open to other users (its mode is {stat.S_IMODE(found.st_mode):04o})"
        else:
            return
        raise UnsafeFolder(
            f"{folder.name} in the data folder {wrong}, so nothing that it holds can be trusted: remove it, "
            f"and it is made again, for the user {os.geteuid()} alone (mode 0700)"
        ) from None
