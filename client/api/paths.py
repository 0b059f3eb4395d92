"""Paths of the service's resources. NotAnId for what can be none: it would lead elsewhere, or be too long."""

from urllib.parse import quote

from client.errors import NotAnId
from client.plain_text import is_unicode
from jobs.validation.quoting import quoted

MAX_ID_CHARACTERS = 200


def job_path(job_id: str, *rest: str) -> str:
    return "/".join(["/jobs", quoted_id(job_id, "job"), *rest])


def checkpoint_path(job_id: str, checkpoint: str | int, *rest: str) -> str:
    return job_path(job_id, "checkpoints", quote(str(checkpoint), safe=""), *rest)


def dataset_path(dataset_id: str, *rest: str) -> str:
    return "/".join(["/datasets", quoted_id(dataset_id, "data set"), *rest])


def tokenizer_path(tokenizer_id: str, *rest: str) -> str:
    return "/".join(["/tokenizers", quoted_id(tokenizer_id, "tokenizer"), *rest])


def model_path(model_id: str, *rest: str) -> str:
    return "/".join(["/models", quoted_id(model_id, "model"), *rest])


def webhook_path(webhook_id: str, *rest: str) -> str:
    return "/".join(["/webhooks", quoted_id(webhook_id, "webhook"), *rest])


def token_path(token_id: str) -> str:
    return f"/tokens/{quoted_id(token_id, 'token')}"


def quoted_id(given: str, kind: str) -> str:
    # A slash divides paths for the service even where it is escaped.
    leads_elsewhere = given in ("", ".", "..") or "/" in given
    if leads_elsewhere or len(given) > MAX_ID_CHARACTERS or not is_unicode(given):
        raise NotAnId(f"{quoted(given)} is no id of a {kind}", kind)
    return quote(given, safe="")
