"""Tokenizers of one's own."""

from collections.abc import Iterator

from client.api.paths import tokenizer_path
from client.api.preparation import wait_until_prepared
from client.api.resource import DOWNLOAD_TIMEOUT, Resource
from client.http import response_models
from client.http.response_models import Page
from client.records import Tokenizer


class Tokenizers(Resource):
    """`pretrain.tokenizers`: tokenizers of one's own."""

    def train(self, name: str, *, dataset: str, vocab_size: int) -> Tokenizer:
        """Have a byte-level BPE trained on a text; its record. Jobs may name it at once, `wait` waits for it.

        dataset     the id of a data set, or the name of a built-in one
        vocab_size  tokens at most, 257 to 100,000; the 256 bytes and the end of a text are among them
        """
        body = {"name": name, "dataset": dataset, "vocab_size": vocab_size}
        return self._transport.json_once("/tokenizers", response_models.Tokenizer, json=body)

    def get(self, tokenizer_id: str) -> Tokenizer:
        """A tokenizer's record: its size, and how many bytes its tokens have on its own text."""
        return self._transport.json("GET", tokenizer_path(tokenizer_id), response_models.Tokenizer)

    def wait(self, tokenizer_id: str, *, timeout_s: float | None = None) -> Tokenizer:
        """Its record once it has been trained, or could not be (`status` is then `failed`).

        timeout_s  seconds after which TimedOut is raised
        """
        return wait_until_prepared(
            self.get(tokenizer_id),
            lambda: self.get(tokenizer_id),
            patience_s=self._transport.patience_s,
            timeout_s=timeout_s,
        )

    def download(self, tokenizer_id: str) -> bytes:
        """Its `tokenizer.json`, as Hugging Face's libraries read it, some megabytes at most."""
        path = tokenizer_path(tokenizer_id, "download")
        return self._transport.file(path, "application/json", timeout=DOWNLOAD_TIMEOUT).content

    def share(self, tokenizer_id: str) -> Tokenizer:
        """Let all see a tokenizer; its owner and administrators alone change it."""
        return self._transport.json("POST", tokenizer_path(tokenizer_id, "share"), response_models.Tokenizer)

    def unshare(self, tokenizer_id: str) -> Tokenizer:
        """Let nobody but its owner and administrators see a tokenizer any longer."""
        return self._transport.json(
            "POST", tokenizer_path(tokenizer_id, "unshare"), response_models.Tokenizer
        )

    def delete(self, tokenizer_id: str) -> None:
        """Delete a tokenizer. raises  ApiError 409 while a job needs it"""
        self._transport.request("DELETE", tokenizer_path(tokenizer_id))

    def list(self) -> Iterator[Tokenizer]:
        """All tokenizers that were trained here."""
        return self._pages("/tokenizers", Page[response_models.Tokenizer])
