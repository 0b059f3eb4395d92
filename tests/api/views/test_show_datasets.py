"""GET /datasets and /datasets/<id>"""

from flask.testing import FlaskClient

from jobs.files.datasets import find_dataset
from jobs.settings import Settings
from jobs.store.database import Database
from tests.jobs.making import queued_job


def test_built_in_texts_are_listed_before_anybody_used_them(client: FlaskClient) -> None:
    listed = client.get("/datasets").get_json()["data"]
    assert [(row["id"], row["builtin"], row["characters"]) for row in listed] == [
        ("the-verdict", True, None),
        ("sample", True, None),
    ]
    assert client.get("/datasets/the-verdict").get_json() == listed[0]


def test_a_built_in_text_is_described_once_it_was_used(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    queued_job(database, settings)
    text = find_dataset(database, settings, "sample")
    sample = client.get("/datasets/sample").get_json()
    assert (sample["characters"], sample["sha256"]) == (text.characters, text.sha256)
    assert sample["tokens"] is not None
    assert client.get("/datasets").get_json()["data"][1] == sample


def test_an_unknown_id_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/datasets/dataset-0").status_code == 404
