import pytest

from jobs.files.layout import tokenizer_path
from jobs.files.tokenizers import TokenizerLost, find_tokenizer
from jobs.settings import Settings
from jobs.store.database import Database
from model.bpe.tokenizer_json import trained_tokenizer
from tests.jobs.making import ready_tokenizer


@pytest.mark.sqlite_will_do
@pytest.mark.parametrize("damage", ["gone", "cut", "another"])
def test_a_file_that_is_lost_or_damaged_is_not_used(
    database: Database, settings: Settings, damage: str
) -> None:
    tokenizer = ready_tokenizer(database, settings)
    path = tokenizer_path(settings.artifacts, str(tokenizer.sha256))
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    else:
        path.write_bytes(trained_tokenizer([(b"a", b"b")]))
    with pytest.raises(TokenizerLost, match=f"the file of the tokenizer {tokenizer.id} is "):
        find_tokenizer(database, settings, tokenizer.id)
