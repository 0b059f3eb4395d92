"""The settings that the PRETRAIN_ variables give, with errors for people."""

from client.errors import UsageError
from jobs.settings import Settings, WrongSettings, load_settings


def read_settings() -> Settings:
    """The settings of this process; UsageError names every variable that is wrong."""
    try:
        return load_settings()
    except WrongSettings as error:
        raise UsageError(str(error)) from error
