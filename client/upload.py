"""A text file that becomes a data set: checked before it is sent, sent byte for byte."""

from pathlib import Path

from client.display.plain_text import one_line
from client.errors import ClientError, UsageError
from client.http import ApiError, Client, Unreachable, is_unicode
from client.input_file import as_text, name_in_command, read_bytes
from client.records import JSON
from jobs.files.json_lines import as_plain_text

# What this process can hold several times over. The service tells its own limit, PRETRAIN_MAX_DATASET_BYTES.
MAX_BYTES = 256 * 1024 * 1024


def upload_text(client: Client, file: Path, name: str | None) -> tuple[JSON, list[str]]:
    """The data set that holds the file's text, called `name` or as the file, and the notices of the service.

    raises  UsageError for a file that can't be one; ClientError if the service does not take it
    """
    if name is None and not is_unicode(file.stem):
        raise UsageError(f"{one_line(file)}: its name is not UTF-8: give it one with --name")
    content = read_bytes(file, MAX_BYTES)
    if not content.strip():
        raise UsageError(f"{one_line(file)}: {'has only white space' if content else 'is empty'}")
    text = as_text(file, content)
    try:
        dataset = client.add_dataset(file.stem if name is None else name, text)
    except ApiError as error:
        raise ClientError(f"{one_line(file)}: {reason_of(error, file)}") from error
    except Unreachable as error:
        # A service that takes less may hang up before it has read all, and its answer is lost.
        raise ClientError(f"{one_line(file)}, {len(content):,} bytes: {error}") from error
    return dataset, dataset.get("notices", [])


def reason_of(error: ApiError, file: Path) -> str:
    """Why the text was refused, without quoting its beginning."""
    if error.fields != {"text"}:
        return str(error)
    reason = "; ".join(str(wrong.get("message", "")) for wrong in error.errors)
    # The service does not know where the text comes from.
    return reason.replace(as_plain_text(), as_plain_text(name_in_command(file)))
