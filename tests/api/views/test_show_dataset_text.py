"""GET /datasets/<id>/text"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.files.layout import dataset_path
from jobs.settings import Settings

TEXT = "".join(f"{number} señoras 🎉\n" for number in range(1000))


def add(client: FlaskClient, content: bytes, kind: str = "text/plain") -> Any:
    return client.post("/datasets?name=x", data=content, content_type=kind).get_json()


def test_a_text_is_read_part_by_part(client: FlaskClient) -> None:
    record = add(client, b"\xef\xbb\xbf" + TEXT.encode())
    path = f"/datasets/{record['id']}/text"
    first = client.get(path).get_json()
    assert first == {
        "object": "text",
        "dataset_id": record["id"],
        "offset": 0,
        "text": TEXT[:4000],
        "characters": len(TEXT),
        "has_more": True,
    }
    read, offset, has_more = "", 0, True
    while has_more:
        part = client.get(path, query_string={"offset": offset, "limit": 777}).get_json()
        read, offset, has_more = read + part["text"], offset + len(part["text"]), part["has_more"]
    assert read == TEXT
    beyond = client.get(path, query_string={"offset": 10**12}).get_json()
    assert (beyond["text"], beyond["has_more"]) == ("", False)


def test_a_nul_ends_each_document(client: FlaskClient) -> None:
    record = add(client, b'{"text": "one"}\n{"text": "two"}\n', "application/x-ndjson")
    assert client.get(f"/datasets/{record['id']}/text?offset=1").get_json()["text"] == "ne\0two\0"


@pytest.mark.parametrize(
    ("query", "field"), [("offset=-1", "offset"), ("limit=0", "limit"), ("limit=100001", "limit")]
)
def test_a_part_that_is_too_large_or_nowhere_is_refused(client: FlaskClient, query: str, field: str) -> None:
    refused = client.get(f"/datasets/sample/text?{query}")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.get_json(force=True)["errors"]] == [field]


def test_of_a_built_in_text_that_nobody_has_used_there_is_none(client: FlaskClient) -> None:
    for name, detail in (("sample", "nobody has used sample yet"), ("dataset-0", "no data set 'dataset-0'")):
        response = client.get(f"/datasets/{name}/text")
        assert response.status_code == 404
        assert detail in response.get_json(force=True)["detail"]
    client.post("/jobs", json={"preset": "tiny", "dataset": "sample"})
    assert client.get("/datasets/sample/text").status_code == 200


def test_a_text_that_has_gone_is_said_to_have(client: FlaskClient, settings: Settings) -> None:
    record = add(client, TEXT.encode())
    dataset_path(settings.artifacts, record["sha256"]).unlink()
    response = client.get(f"/datasets/{record['id']}/text")
    assert response.status_code == 409
    assert "is gone; adding the same text again mends it" in response.get_json(force=True)["detail"]
