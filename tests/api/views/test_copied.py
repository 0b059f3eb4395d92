"""GET /jobs/<id>/samples/<step>/<index>/copied"""

from flask.testing import FlaskClient

from jobs.files.datasets import store_dataset
from jobs.files.layout import dataset_path
from jobs.lifecycle.history import record_sample
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.jobs.making import running_job

BEGINNING = "Ana had counted the boats in the grey harbour before breakfast – twice."
END = "Nobody but the old keeper had ever seen the lamp burn at noon."
TEXT = f"{BEGINNING} {'The sea was calm that day. ' * 40}{END}"


def sampled(database: Database, settings: Settings, continuation: str, **spec: object) -> Job:
    dataset, _ = store_dataset(database, settings, "boats", TEXT.encode())
    job = running_job(database, settings, dataset=dataset.id, tokenizer="bytes", **spec)
    prompt = "Every effort 🛶 moves"
    with database.write() as session:
        values = {"step": 8, "epoch": 1, "index": 0, "prompt": prompt, "text": prompt + continuation}
        record_sample(session, job.id, job.attempt, values)
    return job


def test_spans_name_their_place_in_the_sample_and_in_the_text(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = sampled(database, settings, " slowly. She counted the boats in the grey harbour before noon")
    answer = client.get(f"/jobs/{job.id}/samples/8/0/copied").get_json()
    [span] = answer["data"]
    assert (span["text"], span["words"]) == ("counted the boats in the grey harbour before", 8)
    sample = client.get(f"/jobs/{job.id}/samples").get_json()["data"][0]["text"]
    assert sample[span["start"] : span["end"]] == span["text"]
    query = f"offset={span['offset']}&limit={len(span['text'])}"
    assert client.get(f"/datasets/{job.dataset_id}/text?{query}").get_json()["text"] == span["text"]
    assert (answer["words"], answer["copied_words"]) == (11, 8)
    assert answer["searched_characters"] == answer["training_characters"] == int(0.9 * len(TEXT))


def test_what_stands_in_the_validation_text_is_not_copied(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    continuation = ", but nobody but the old keeper had ever seen the lamp burn"
    assert continuation[6:].lower() in TEXT.lower()
    job = sampled(database, settings, continuation.replace("nobody", "Nobody"))
    assert client.get(f"/jobs/{job.id}/samples/8/0/copied").get_json()["data"] == []
    whole = sampled(database, settings, continuation.replace("nobody", "Nobody"), validation_dataset="sample")
    [span] = client.get(f"/jobs/{whole.id}/samples/8/0/copied").get_json()["data"]
    assert span["offset"] == TEXT.index("Nobody")


def test_how_many_words_make_a_span_can_be_asked_for(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = sampled(database, settings, " under the sea was calm")
    assert client.get(f"/jobs/{job.id}/samples/8/0/copied").get_json()["data"] == []
    answer = client.get(f"/jobs/{job.id}/samples/8/0/copied?min_words=3").get_json()
    assert [span["text"] for span in answer["data"]] == ["sea was calm"]


def test_a_sample_that_is_not_there_is_404(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = sampled(database, settings, " on")
    for place in ("8/1", "9/0", "08/0", "8/-1", "last/0", f"{2**70}/0", "²/0"):
        response = client.get(f"/jobs/{job.id}/samples/{place}/copied")
        assert response.status_code == 404, place
    assert client.get("/jobs/job-0/samples/8/0/copied").status_code == 404


def test_a_text_that_is_gone_is_410(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = sampled(database, settings, " on")
    dataset_path(settings.artifacts, job.dataset_sha256).unlink()
    response = client.get(f"/jobs/{job.id}/samples/8/0/copied")
    assert response.status_code == 410
    assert "is gone" in response.get_json(force=True)["detail"]
