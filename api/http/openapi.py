"""`/openapi.json`: what flask-openapi makes of the views, and what it cannot say or leaves out."""

import copy
import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any, get_type_hints

from flask_openapi import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core.core_schema import DictSchema

from api.http.multipart import FILE_FIELD
from api.http.openai_errors import MEDIA_TYPE, OpenAIError, is_openai_path
from api.http.problems import Problem, problem_responses
from api.http.scopes import Scope, scope_of
from api.http.session_cookie import HOST_PREFIX, NAME, PAGE, PAGE_HEADER
from api.http.uploads import FORM, JSON, NDJSON, PLAIN, NewDataset
from api.records.record import Record
from jobs.validation.request_model import RequestModel

STATUSES_OF_ANY_REQUEST = (400, 401, 403, 408, 413, 414, 417, 421, 422, 429, 431, 503)
"""With which a request may be refused whatever it asks for."""

SECURITY_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "An access token, `pt_...`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": NAME,
        "description": "What `POST /session` sets; over TLS and without a path prefix its name begins with "
        f"`{HOST_PREFIX}`. Requests but GET and HEAD then need the header `{PAGE_HEADER}: {PAGE}`.",
    },
}
SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"session": []}, {}]
"""Any; without is enough as long as the service has no tokens."""

OTHER_MEDIA_TYPES = [
    ("/jobs/{job_id}/losses", "get", "text/csv"),
    ("/generate", "get", "text/event-stream"),
    ("/generate", "post", "text/event-stream"),
    ("/v1/completions", "post", "text/event-stream"),
]
"""In which a success may be answered besides JSON."""

REFERENCE = "#/components/schemas/{model}"
PATH_VARIABLE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
"""Of a Flask rule, with its converter."""


class SchemaGenerator(GenerateJsonSchema):
    """Limits every name of an object by its pattern; pydantic would leave the values of other names free."""

    def dict_schema(self, schema: DictSchema) -> JsonSchemaValue:
        json_schema = super().dict_schema(schema)
        for pattern, values in json_schema.pop("patternProperties", {}).items():
            json_schema["propertyNames"] = {**json_schema.get("propertyNames", {}), "pattern": pattern}
            json_schema["additionalProperties"] = values
        return json_schema


Schemas = dict[str, dict[str, Any]]


def complete_document(app: OpenAPI) -> None:
    """Complete the application's document, once every view is registered."""
    document = app.api_doc
    schemas: Schemas = document["components"]["schemas"]
    for name, model, mode in models():
        if name in schemas:
            schemas[name] = schema_of(model, mode, schemas)
    for rule in app.url_map.iter_rules():
        operations = document["paths"].get(PATH_VARIABLE.sub(r"{\1}", rule.rule), {})
        for method in rule.methods or ():
            if operation := operations.get(method.lower()):
                view = app.view_functions[rule.endpoint]
                complete_operation(operation, get_type_hints(view), schemas)
                if scope_of(view) is not Scope.PUBLIC:
                    operation["security"] = SECURITY
                if is_openai_path(rule.rule):
                    document_openai_errors(operation)
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    for path, method, media_type in OTHER_MEDIA_TYPES:
        success = document["paths"][path][method]["responses"]["200"]
        success["content"][media_type] = {"schema": {"type": "string"}}
    document["paths"]["/datasets"]["post"]["requestBody"] = upload_body(schemas)
    document["paths"]["/models"]["post"]["requestBody"] = model_upload_body()


def upload_body(schemas: Schemas) -> dict[str, Any]:
    """The body of `POST /datasets`, which its view reads itself."""
    schemas[NewDataset.__name__] = schema_of(NewDataset, "validation", schemas)
    file = {"type": "object", "properties": {FILE_FIELD: {"type": "string", "format": "binary"}}}
    return {
        "required": True,
        "content": {
            JSON: {"schema": {"$ref": REFERENCE.format(model=NewDataset.__name__)}},
            PLAIN: {"schema": {"type": "string"}},
            NDJSON: {"schema": {"type": "string"}},
            FORM: {"schema": {**file, "required": [FILE_FIELD], "additionalProperties": False}},
        },
    }


def model_upload_body() -> dict[str, Any]:
    """The body of `POST /models`, which its view reads itself."""
    files = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 2}
    schema = {
        "type": "object",
        "properties": {FILE_FIELD: files},
        "required": [FILE_FIELD],
        "additionalProperties": False,
    }
    return {"required": True, "content": {FORM: {"schema": schema}}}


def models() -> Iterator[tuple[str, type[BaseModel], JsonSchemaMode]]:
    """The models of all bodies, by the names that flask-openapi gives them."""
    modes: dict[type[BaseModel], JsonSchemaMode] = {
        RequestModel: "validation",
        Record: "serialization",
        Problem: "serialization",
        OpenAIError: "serialization",
    }
    for root, mode in modes.items():
        for model in (root, *subclasses(root)):
            yield re.sub(r"[^A-Za-z0-9._-]", "_", model.__name__), model, mode


def subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in model.__subclasses__():
        yield child
        yield from subclasses(child)


def schema_of(model: type[BaseModel], mode: JsonSchemaMode, schemas: Schemas) -> dict[str, Any]:
    """Pydantic's own schema: flask-openapi loses the names and values of objects, and some limits.

    schemas  gets those that this one refers to
    """
    schema = copy.deepcopy(pydantic_schema(model, mode))
    schemas.update(schema.pop("$defs", {}))
    return schema


@cache  # takes two thirds of the time in which an application is made; the tests make hundreds
def pydantic_schema(model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
    return model.model_json_schema(ref_template=REFERENCE, schema_generator=SchemaGenerator, mode=mode)


def complete_operation(operation: dict[str, Any], hints: dict[str, Any], schemas: Schemas) -> None:
    """
    hints    types of the view's arguments
    schemas  as for `schema_of`
    """
    problems = {
        str(status): response for status, response in problem_responses(*STATUSES_OF_ANY_REQUEST).items()
    }
    operation["responses"] = dict(sorted((problems | operation["responses"]).items()))
    properties: dict[str, Any] = {}
    for place in ("path", "query"):
        if place in hints:
            properties |= schema_of(hints[place], "validation", schemas)["properties"]
    for parameter in operation.get("parameters", []):
        parameter["schema"] = properties[parameter["name"]]
        if parameter["schema"].get("type") == "object":  # metadata[team]=blue
            parameter.update(style="deepObject", explode=True)


def document_openai_errors(operation: dict[str, Any]) -> None:
    """Below `/v1` every error is OpenAI's object, and wrong fields are a 400."""
    responses = operation["responses"]
    responses.pop("422")
    schema = {"$ref": REFERENCE.format(model=OpenAIError.__name__)}
    for status, response in responses.items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            response["content"] = {MEDIA_TYPE: {"schema": schema}}
