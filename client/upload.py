"""A text file that becomes a data set: checked before it is sent, sent byte for byte."""

from pathlib import Path

from client.errors import ClientError, UsageError
from client.http import ApiError, Client, Unreachable, is_unicode
from client.input_file import as_text, read_bytes
from client.records import JSON

# What this process can hold several times over. The service tells its own limit, PRETRAIN_MAX_DATASET_BYTES.
MAX_BYTES = 256 * 1024 * 1024


def upload_text(client: Client, file: Path, name: str | None) -> tuple[JSON, list[str]]:
    """The data set that holds the file's text, called `name` or as the file, and the notices of the service.

    raises  UsageError for a file that can't be one; ClientError if the service does not take it
    """
    if name is None and not is_unicode(file.stem):
        raise UsageError(f"{file}: its name is not UTF-8: give it one with --name")
    content = read_bytes(file, MAX_BYTES)
    if not content.strip():
        raise UsageError(f"{file}: {'has only white space' if content else 'is empty'}")
    text = as_text(file, content)
    try:
        dataset = client.add_dataset(file.stem if name is None else name, text)
    except ApiError as error:
        raise ClientError(f"{file}: {reason_of(error)}") from error
    except Unreachable as error:
        # A service that takes less may hang up before it has read all, and its answer is lost.
        raise ClientError(f"{file}, {len(content):,} bytes: {error}") from error
    return dataset, dataset.get("notices", [])


def reason_of(error: ApiError) -> str:
    """Why the text was refused, without quoting its beginning."""
    if error.fields != {"text"}:
        return str(error)
    return "; ".join(str(wrong.get("message", "")) for wrong in error.errors)
