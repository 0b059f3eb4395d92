"""The checkpoint that a job starts from in place of drawn weights, in a folder of the job's own.

Its files are linked, which takes no disk space and no time, and they stay readable when whoever wrote them
deletes them: no file of a checkpoint is ever changed in place.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from jobs.files.checkpoint_files import CheckpointFilesLost, check_size, listed_files
from jobs.files.layout import (
    CHECKPOINT_MANIFEST,
    CHECKPOINT_TOKENIZER,
    CHECKPOINT_TRAINING,
    CHECKPOINT_WEIGHTS,
    INITIAL,
)
from model.storage.atomic import sync

CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
"""Of another disk, or of a file system that has no links or has too many of the file."""


def link_checkpoint(source_folder: Path, job_folder: Path, *, weights_only: bool = False) -> int:
    """Make the checkpoint in `source_folder` the one that a job starts from: `initial` in `job_folder`, whole
    or not at all, and synced. Returns its size in bytes.

    weights_only  without the optimizer's state; a tokenizer's copy always comes along
    raises        FileNotFoundError if the checkpoint, or that state, has been deleted; CheckpointFilesLost;
                  OSError
    """
    folder, partial = job_folder / INITIAL, job_folder / f".{INITIAL}"
    job_folder.mkdir(parents=True, exist_ok=True)
    partial.mkdir()
    try:
        # First, so that what it says and what is linked after it are the same checkpoint.
        link_or_copy(source_folder / CHECKPOINT_MANIFEST, partial / CHECKPOINT_MANIFEST)
        files = listed_files(partial / CHECKPOINT_MANIFEST)
        needed = [CHECKPOINT_WEIGHTS] if weights_only else [CHECKPOINT_WEIGHTS, CHECKPOINT_TRAINING]
        for name in [*needed, *({CHECKPOINT_TOKENIZER} & files.keys())]:
            if name not in files:
                raise FileNotFoundError(errno.ENOENT, "the checkpoint no longer has it", name)
            link_or_copy(source_folder / name, partial / name)
            check_size(partial / name, files[name])
        sync(partial)
        partial.rename(folder)
        sync(job_folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return size_bytes(folder.iterdir())


def link_or_copy(source: Path, target: Path) -> None:
    """A copy is synced. raises OSError"""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
        shutil.copyfile(source, target)
        sync(target)


def size_bytes(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def initial_position(job_folder: Path) -> dict[str, int]:
    """How far the run of the checkpoint in a job's folder has come: `step`, `epoch` and `tokens_seen`.

    raises  CheckpointFilesLost, OSError
    """
    try:
        position = json.loads((job_folder / INITIAL / CHECKPOINT_MANIFEST).read_bytes())["position"]
        return {name: int(position[name]) for name in ("step", "epoch", "tokens_seen")}
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointFilesLost(f"a checkpoint's {CHECKPOINT_MANIFEST} is damaged") from error
