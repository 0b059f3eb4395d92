"""The settings that the PRETRAIN_ variables give, with errors for people."""

from client.errors import UsageError
from jobs.settings import Settings, WrongSettings, load_settings


def read_settings() -> Settings:
    """The settings of this process; UsageError says of every wrong variable what would be right."""
    try:
        return load_settings()
    except WrongSettings as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError("the working directory is gone: go to one that exists") from error
    except RuntimeError as error:
        raise UsageError("PRETRAIN_DATA_DIR: begins with ~ where there is no home folder") from error
