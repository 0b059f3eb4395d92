"""What can be taken away of a job: its loss plot, its weights, the job as plain PyTorch."""

from typing import BinaryIO, Literal

from client.api.paths import checkpoint_path, job_path
from client.api.resource import DOWNLOAD_TIMEOUT, Resource

IMAGE_TYPES = {"png": "image/png", "svg": "image/svg+xml"}
ZIP = "application/zip"
DOWNLOAD_TYPES = {"safetensors": "application/octet-stream", "hf": ZIP}


class JobFiles(Resource):
    def loss_plot(self, job_id: str, image_format: Literal["png", "svg"] = "png") -> bytes:
        """The lecture's plot, as an image file: losses over epochs, tokens seen on the upper axis."""
        path = job_path(job_id, f"losses.{image_format}")
        return self._transport.file(path, IMAGE_TYPES[image_format]).content

    def download_checkpoint(
        self,
        job_id: str,
        file: BinaryIO,
        *,
        checkpoint: str | int = "last",
        file_format: Literal["safetensors", "hf"] = "safetensors",
    ) -> str:
        """Write a checkpoint to `file`, which is open for bytes; the response's ETag.

        checkpoint   `last`, `best` or a step, which counts updates done
        file_format  `safetensors`, whose ETag is its sha256 in quotes; or `hf`, a zip that `transformers`
                     loads as GPT2LMHeadModel, which has none
        """
        return self._transport.download(
            checkpoint_path(job_id, checkpoint, "download"),
            DOWNLOAD_TYPES[file_format],
            file,
            params={"format": file_format},
            timeout=DOWNLOAD_TIMEOUT,
        ).get("ETag", "")

    def eject(self, job_id: str, file: BinaryIO) -> None:
        """Write a job as one plain PyTorch file, with its text, tokenizer and spec, as a zip to `file`."""
        self._transport.download(job_path(job_id, "eject"), ZIP, file, timeout=DOWNLOAD_TIMEOUT)
