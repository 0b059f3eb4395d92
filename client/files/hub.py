"""A model of the Hugging Face Hub, fetched with `huggingface_hub` into its own cache. `HF_ENDPOINT` names
another hub."""

import os
import re
from pathlib import Path

import httpx2

from client.errors import ClientError, UsageError
from client.plain_text import one_line

HUB_NAME = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
PATTERNS = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-?????-of-?????.safetensors",
]
"""Of the files that are fetched: none that is pickled."""


def is_hub_name(path: Path) -> bool:
    """Whether it can only be the name of a model on the hub: `openai-community/gpt2`."""
    return HUB_NAME.fullmatch(str(path)) is not None and not path.exists()


def fetch_from_hub(name: str) -> Path:
    """The folder with the model's files. raises  UsageError without the extra; ClientError"""
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError as error:
        raise UsageError(
            f"{name}: is no file here; fetching it from the hub takes the package huggingface_hub: "
            "pip install 'pretrain[hub]'"
        ) from error
    try:
        folder = snapshot_download(
            name, allow_patterns=PATTERNS, endpoint=os.environ.get("HF_ENDPOINT") or None
        )
    except (OSError, ValueError, httpx2.HTTPError, errors.EntryNotFoundError) as error:
        raise ClientError(
            f"{name}: is no file here, and could not be fetched from the hub: {one_line(error)}"
        ) from error
    return Path(folder)
