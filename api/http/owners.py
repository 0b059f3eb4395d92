"""Whether whoever asks may see and change what a path names: checked at every route, before its view is
called."""

from api.services import services
from jobs.files.builtin_datasets import BUILTINS
from jobs.store.lookup import check_access
from jobs.store.ownership import Owned
from jobs.store.tables import Dataset, ImportedModel, Job, TrainedTokenizer
from jobs.store.viewers import Right, viewer
from jobs.validation.request_model import RequestModel

OWNED: dict[str, type[Owned]] = {
    "job_id": Job,
    "dataset_id": Dataset,
    "tokenizer_id": TrainedTokenizer,
    "model_id": ImportedModel,
}
"""What a part of a path is the id of, by its name. One that is new goes here too."""


def check_path(path: RequestModel, *, changes: bool) -> None:
    """
    changes  whether the request changes what the path names
    raises   NotFound for what is another owner's, as for what is not there; NotYours for what may
             only be seen; DBAPIError
    """
    if viewer().right is Right.ADMIN:
        return  # may see and change everything
    named = [
        (table, row_id)
        for name, table in OWNED.items()
        # A built-in data set is everybody's, and has no row before it is used.
        if (row_id := getattr(path, name, None)) and not (table is Dataset and row_id in BUILTINS)
    ]
    if not named:
        return
    with services().database.read() as session:
        for table, row_id in named:
            check_access(session, table, row_id, changes=changes)
