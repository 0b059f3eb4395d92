"""Commands that take something away from the service: export, eject."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from client.commands.options import AsJson, JobId, Url, connect
from client.display.messages import print_json, print_message
from client.errors import ClientError, UsageError
from client.plain_text import one_line

if TYPE_CHECKING:
    from client.api.pretrain import Pretrain

CHECKPOINT = re.compile(r"last|best|[0-9]{1,19}")
WEIGHTS = "weights.safetensors"

To = Annotated[Path, typer.Option(metavar="DIR", help="The folder to write, which is made.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier export wrote there.")]


def export(
    job_id: JobId,
    to: To,
    file_format: Annotated[
        Literal["hf", "safetensors"],
        typer.Option(
            "--format", help="hf: as transformers loads it; safetensors: the service's own weights."
        ),
    ] = "hf",
    checkpoint: Annotated[str, typer.Option(help="last, best or a step.")] = "last",
    force: Force = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Write a checkpoint's weights into a folder, whole or not at all."""
    from client.files.folder import new_folder

    if not CHECKPOINT.fullmatch(checkpoint):
        raise UsageError(f"--checkpoint must be last, best or a step, not {one_line(checkpoint)!r}")
    with connect(url) as client, new_folder(to, replace=force) as folder:
        if file_format == "hf":
            download_unpacked(
                folder,
                lambda archive: client.jobs.download_checkpoint(
                    job_id, archive, checkpoint=checkpoint, file_format="hf"
                ),
            )
        else:
            export_weights(client, job_id, checkpoint, folder / WEIGHTS)
        files = sorted(entry.name for entry in folder.iterdir())
    report(to, files, as_json)


def eject(job_id: JobId, to: To, force: Force = False, as_json: AsJson = False, url: Url = None) -> None:
    """Write a job into a folder as one plain PyTorch file, with its text, tokenizer and spec."""
    from client.files.folder import new_folder

    with connect(url) as client, new_folder(to, replace=force) as folder:
        download_unpacked(folder, lambda archive: client.jobs.eject(job_id, archive))
        files = sorted(entry.name for entry in folder.iterdir())
    report(to, files, as_json)


def download_unpacked(folder: Path, download: Callable[[BinaryIO], object]) -> None:
    """The files of the ZIP archive that `download` writes, in `folder`."""
    from client.files.folder import unpack

    with (folder.parent / "archive.zip").open("w+b") as archive:
        download(archive)
        unpack(archive, folder)


def export_weights(client: "Pretrain", job_id: str, checkpoint: str, path: Path) -> None:
    with path.open("w+b") as file:
        etag = client.jobs.download_checkpoint(job_id, file, checkpoint=checkpoint)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if etag != f'"{sha256}"':
        raise ClientError(
            f"the weights are damaged: their sha256 is {sha256}, that of the checkpoint {one_line(etag)}"
        )


def report(folder: Path, files: list[str], as_json: bool) -> None:
    if as_json:
        print_json({"folder": str(folder), "files": files})
    else:
        print_message(f"Wrote {one_line(folder)}: {', '.join(map(one_line, files))}.")
