"""The settings that the PRETRAIN_ variables give, with errors for people."""

from pydantic import ValidationError

from client.errors import UsageError
from jobs.settings import Settings, load_settings


def read_settings() -> Settings:
    """The settings of this process; UsageError names every variable that is wrong."""
    try:
        return load_settings()
    except ValidationError as error:
        wrong = [
            f"PRETRAIN_{str(entry['loc'][0]).upper()}={entry['input']}: {entry['msg']}"
            for entry in error.errors()
        ]
        raise UsageError("\n".join(wrong)) from error
