"""GET /openapi.json"""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from schemathesis.openapi import from_dict

from api.http.openai_errors import is_openai_path
from api.http.openapi import models
from jobs.spec.job_spec import JobSpec

NO_NUL = r"^[^\u0000]*$"

# The documentation itself.
UNDOCUMENTED = {
    "/",
    "/static/<path:file>",
    "/docs",
    "/docs/start.js",
    "/docs/assets/<path:file>",
    "/openapi.json",
}


@pytest.fixture
def document(bare_client: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = bare_client.get("/openapi.json").get_json()
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    from_dict(document).validate()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(child) for child in node.values()))
        return set().union(*(references(child) for child in node)) if isinstance(node, list) else set()

    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= schemas


def test_every_route_is_documented_with_its_methods(
    bare_client: FlaskClient, document: dict[str, Any]
) -> None:
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in bare_client.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in UNDOCUMENTED
    }
    assert routes == {(path, method) for path, method, _ in operations(document)}


def test_every_operation_has_a_summary_and_its_errors_as_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        errors = {
            status: response for status, response in operation["responses"].items() if int(status) >= 400
        }
        expected = {"400", "403", "408", "413", "414", "417", "421", "431"}
        assert expected <= set(errors), (path, method)
        assert ("422" in errors) is not is_openai_path(path), (path, method)
        kind = "OpenAIError" if is_openai_path(path) else "Problem"
        media_type = "application/json" if is_openai_path(path) else "application/problem+json"
        for response in errors.values():
            assert set(response["content"]) == {media_type}
            assert response["content"][media_type]["schema"] == {"$ref": f"#/components/schemas/{kind}"}


def test_every_field_of_a_spec_is_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in JobSpec.model_fields:
        documented = schemas["JobSpec"]["properties"][name]
        if "$ref" in documented:
            section = schemas[documented["$ref"].rsplit("/", 1)[1]]
            assert section["description"]
            assert all(field["description"] for field in section["properties"].values()), name
        else:
            assert documented["description"], name


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])


def test_labels_are_documented_as_they_are_written(document: dict[str, Any]) -> None:
    parameters = {
        parameter["name"]: parameter for parameter in document["paths"]["/jobs"]["get"]["parameters"]
    }
    assert (parameters["metadata"]["style"], parameters["metadata"]["explode"]) == ("deepObject", True)


def test_labels_are_documented_with_all_their_limits(document: dict[str, Any]) -> None:
    text = {"type": "string", "pattern": NO_NUL}
    limits = {
        "type": "object",
        "maxProperties": 32,
        "propertyNames": {"minLength": 1, "maxLength": 64, "pattern": NO_NUL},
        "additionalProperties": {**text, "maxLength": 512},
    }
    query = {each["name"]: each["schema"] for each in document["paths"]["/jobs"]["get"]["parameters"]}
    for schema in (document["components"]["schemas"]["JobSpec"]["properties"]["metadata"], query["metadata"]):
        assert {name: schema[name] for name in limits} == limits


def test_every_body_is_closed_and_every_text_of_a_request_excludes_nul(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    def texts(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if "$ref" in schema:
            yield from texts(schemas[schema["$ref"].rsplit("/", 1)[1]], place)
        if schema.get("type") == "string":
            yield place, schema
        if "properties" in schema and "/v1/" not in place:  # where OpenAI ignores unknown fields
            assert schema["additionalProperties"] is False, place
        children = {
            **schema.get("properties", {}),
            "[]": schema.get("items"),
            "[k]": schema.get("additionalProperties"),
        }
        alternatives = {str(number): each for number, each in enumerate(schema.get("anyOf", []))}
        for name, child in {**children, **alternatives}.items():
            if isinstance(child, dict):
                yield from texts(child, f"{place}.{name}")

    all_texts = []
    for path, method, operation in operations(document):
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            all_texts += texts(
                operation["requestBody"]["content"]["application/json"]["schema"], f"{method} {path}"
            )
        for parameter in operation.get("parameters", []):
            all_texts += texts(parameter["schema"], f"{method} {path} {parameter['name']}")
    assert any(place == "post /jobs.metadata.[k]" for place, _ in all_texts)
    for place, schema in all_texts:
        assert "enum" in schema or "pattern" in schema, place


def test_a_parameter_is_documented_as_pydantic_does(document: dict[str, Any]) -> None:
    (job_id,) = document["paths"]["/jobs/{job_id}"]["get"]["parameters"]
    limits = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": NO_NUL}
    assert {name: job_id["schema"][name] for name in limits} == limits


def test_losses_are_documented_as_json_and_csv(document: dict[str, Any]) -> None:
    response = document["paths"]["/jobs/{job_id}/losses"]["get"]["responses"]["200"]
    assert set(response["content"]) == {"application/json", "text/csv"}


def test_every_schema_is_that_of_one_model(document: dict[str, Any]) -> None:
    """Of two with one name, the later would be documented in the place of both."""
    names = [name for name, _, _ in models() if name in document["components"]["schemas"]]
    assert [name for name in names if names.count(name) > 1] == []
    assert len(names) > 50
