"""Query parameters, seen at GET /jobs."""

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize("limit", ["2", "2.0", "2e0"])
def test_a_whole_number_is_an_integer_however_it_is_written(client: FlaskClient, limit: str) -> None:
    assert client.get(f"/jobs?limit={limit}").status_code == 200


def test_all_wrong_parameters_are_named_at_once(bare_client: FlaskClient) -> None:
    response = bare_client.get("/jobs?limit=0&status=done&page=2")
    assert {error["field"] for error in response.get_json(force=True)["errors"]} == {
        "limit",
        "status",
        "page",
    }


def test_a_query_that_is_not_utf8_is_answered_with_400(bare_client: FlaskClient) -> None:
    assert bare_client.get("/jobs?name=%ff").status_code == 400
