"""A text that becomes a data set: checked before it is sent, sent byte for byte."""

from pathlib import Path

from client.errors import ClientError, UsageError
from client.files.input import STDIN, decode_utf8, name_in_command, read_bytes, shown_name
from client.http.api_error import ApiError
from client.http.client import Client
from client.http.transport import Unreachable
from client.http.types import JSON
from client.plain_text import is_unicode
from jobs.files.json_lines import as_plain_text

# What this process can hold several times over. The service has its own limit, PRETRAIN_MAX_DATASET_BYTES.
MAX_BYTES = 256 * 1024 * 1024


def upload_text(client: Client, file: Path, name: str | None) -> tuple[JSON, list[str]]:
    """The data set with the text of `file`, and the service's notices.

    name    of the data set; None: that of the file, without its suffix
    raises  UsageError for a file that can't be one; ClientError if the service refuses it
    """
    if name is None and file == STDIN:
        raise UsageError("standard input has no name: give the text one with --name")
    if name is None and not is_unicode(file.stem):
        raise UsageError(f"{shown_name(file)}: its name is not UTF-8: give it one with --name")
    content = read_bytes(file, MAX_BYTES)
    if not content.strip():
        raise UsageError(f"{shown_name(file)}: {'has only white space' if content else 'is empty'}")
    text = decode_utf8(file, content)
    try:
        dataset = client.add_dataset(file.stem if name is None else name, text)
    except ApiError as error:
        raise ClientError(f"{shown_name(file)}: {reason_of(error, file)}") from error
    except Unreachable as error:
        # A service with a lower limit may hang up before it has read all, and its response is lost.
        raise ClientError(f"{shown_name(file)}, {len(content):,} bytes: {error}") from error
    return dataset, dataset.get("notices", [])


def reason_of(error: ApiError, file: Path) -> str:
    """Why the text was refused, without quoting its beginning."""
    if error.fields != {"text"}:
        return str(error)
    reason = "; ".join(str(field_error.get("message", "")) for field_error in error.errors)
    # The service does not know where the text comes from.
    return reason.replace(as_plain_text(), as_plain_text(name_in_command(file)))
