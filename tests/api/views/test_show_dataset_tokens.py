"""GET /datasets/<id>/tokens, and `token_counts` of a data set"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.files.tokenizers import find_tokenizer
from jobs.settings import Settings
from jobs.store.database import Database
from model.tokenizers import load_tokenizer
from tests.jobs.making import asked_tokenizer, long_dataset, prepare_all, queued_job, ready_tokenizer

TEXT = "".join(f"{number} señoras 🎉\n" for number in range(100))


def add(client: FlaskClient, content: bytes, kind: str = "text/plain") -> Any:
    return client.post("/datasets?name=x", data=content, content_type=kind).get_json()


def test_a_part_comes_with_its_tokens(client: FlaskClient) -> None:
    record = add(client, b"\xef\xbb\xbf" + TEXT.encode())
    path = f"/datasets/{record['id']}/tokens"
    part = client.get(path, query_string={"limit": 10}).get_json()
    assert {**part, "tokens": []} == {
        "object": "tokens",
        "dataset_id": record["id"],
        "tokenizer": "gpt2",
        "offset": 0,
        "text": "0 señoras",
        "tokens": [],
        "exact": True,
        "characters": len(TEXT),
        "has_more": True,
    }
    ids = load_tokenizer("gpt2").encode("0 señoras")
    assert [token["id"] for token in part["tokens"]] == ids
    assert part["tokens"][0] == {"id": ids[0], "text": "0", "start": 0, "end": 1}
    assert part["tokens"][-1]["end"] == len("0 señoras".encode())


def test_pages_by_ones_own_tokenizer_have_the_tokens_of_the_whole_text(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    record = add(client, TEXT.encode())
    own = find_tokenizer(database, settings, ready_tokenizer(database, settings).id)
    ids, offset, has_more = [], 0, True
    while has_more:
        query = {"tokenizer": own.name, "offset": offset, "limit": 200}
        part = client.get(f"/datasets/{record['id']}/tokens", query_string=query).get_json()
        ids += [token["id"] for token in part["tokens"]]
        offset, has_more = part["offset"] + len(part["text"]), part["has_more"]
    assert ids == own.encode(TEXT)


def test_the_end_of_a_document_is_a_token(client: FlaskClient) -> None:
    record = add(client, b'{"text": "one"}\n{"text": "two"}\n', "application/x-ndjson")
    part = client.get(f"/datasets/{record['id']}/tokens?tokenizer=bytes").get_json()
    assert [token["id"] for token in part["tokens"]] == [*b"one", 256, *b"two", 256]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("offset=-1", "offset"),
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("tokenizer=", "tokenizer"),
        ("tokenizer=gpt3", "tokenizer"),
    ],
)
def test_wrong_parameters_are_named(client: FlaskClient, query: str, field: str) -> None:
    record = add(client, TEXT.encode())
    refused = client.get(f"/datasets/{record['id']}/tokens?{query}")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.get_json(force=True)["errors"]] == [field]


def test_a_tokenizer_that_is_not_ready_is_409_and_an_unknown_data_set_404(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    asked = asked_tokenizer(database, settings)
    assert client.get(f"/datasets/sample/tokens?tokenizer={asked.id}").status_code == 409
    assert client.get("/datasets/dataset-0/tokens").status_code == 404


def test_a_data_set_says_how_much_of_each_vocabulary_it_uses(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    record = add(client, b'{"text": "abba"}\n{"text": "abc abc abc abc"}\n', "application/x-ndjson")
    (gpt2,) = record["token_counts"]
    assert (gpt2["tokenizer"], gpt2["vocab_size"]) == ("gpt2", 50_257)
    assert gpt2["train_tokens"] + gpt2["val_tokens"] == record["tokens"]
    queued_job(
        database,
        settings,
        dataset=record["id"],
        tokenizer="bytes",
        model={"context_length": 3},
        training={"batch_size": 1},
    )
    by_name = {
        count["tokenizer"]: count
        for count in client.get(f"/datasets/{record['id']}").get_json()["token_counts"]
    }
    assert by_name["gpt2"] == gpt2
    assert by_name["bytes"]["used_tokens"] == len("abc ") + 1
    assert by_name["bytes"]["vocabulary_used"] == 5 / 257
    assert by_name["bytes"]["longest_document_tokens"] == len("abc abc abc abc")


def test_of_a_long_text_a_worker_counts_the_same(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    assert client.get(f"/datasets/{dataset.id}").get_json()["token_counts"] == []
    prepare_all(database, settings)
    record = client.get(f"/datasets/{dataset.id}").get_json()
    (count,) = record["token_counts"]
    text = f"This is {dataset.name}. Ana counted the boats, and counted them again.\n" * 2000
    used = len(set(load_tokenizer("gpt2").encode(text)))
    assert abs(count["used_tokens"] - used) <= 2, "the split is one more boundary"
    assert count["vocabulary_used"] == count["used_tokens"] / 50_257
    assert count["longest_document_tokens"] is None
    assert record in client.get("/datasets").get_json()["data"]
