"""`docs/reference/http.md`: the endpoints, and the objects that go in and out."""

from docs.generator.document import Schema, document, paragraph, reachable, referred, schemas
from docs.generator.markdown import cell, made_by
from docs.generator.words import in_words

HEAD = """# HTTP

What a service answers to; its own `/docs` shows the same with a form to try each request, `/openapi.json`
for machines. JSON goes in and comes out unless said otherwise, times are UTC in RFC 3339, losses nats per
token, ids opaque text, and no number is NaN or infinite: what isn't finite is null.

An error is a problem document (RFC 9457, `application/problem+json`): `type`, `title`, `status`,
`detail`, `instance`, and for 422 in `errors` every wrong field with `field`, `message` and `value`. Any
request may be answered with 400 (no JSON), 401 (no valid token), 403 (not allowed with it), 408, 413 (too
large), 414, 417, 421 (wrong host), 422, 429 and 503 (with `Retry-After`), 431. Each answer has an
`X-Request-ID`. Below `/v1` errors are OpenAI's.

"""
METHODS = ("get", "post", "patch", "put", "delete")
SUCCESS = range(200, 400)


def http() -> str:
    parts = [HEAD]
    shown: dict[str, None] = {}
    for tag, operations in by_tag().items():
        parts.append(f"## {tag.replace('_', ' ').capitalize()}\n\n")
        for method, path, operation in operations:
            parts.append(endpoint(method, path, operation, shown))
    parts.append("## Objects\n\n")
    objects = [name for name in reachable(shown) if "properties" in schemas()[name]]
    parts += [described(name) for name in sorted(objects, key=title)]
    return made_by("".join(parts))


def by_tag() -> dict[str, list[tuple[str, str, Schema]]]:
    grouped: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, methods in document()["paths"].items():
        for method in METHODS:
            if operation := methods.get(method):
                tag = (operation.get("tags") or ["the service"])[0]
                grouped.setdefault(tag, []).append((method.upper(), path, operation))
    return grouped


def endpoint(method: str, path: str, operation: Schema, shown: dict[str, None]) -> str:
    lines = [f"### `{method} {path}`\n\n", f"{paragraph(operation.get('summary', ''))}.\n\n"]
    if description := operation.get("description"):
        # Flask-openapi has `<br/>` for each line's end.
        parts = description.replace("<br/><br/>", "\n\n").replace("<br/>", " ").split("\n\n")
        lines += [f"{paragraph(part)}\n\n" for part in parts if part.strip()]
    if parameters := [each for each in operation.get("parameters", []) if each["in"] == "query"]:
        lines.append("| in the query | takes | meaning |\n| --- | --- | --- |\n")
        lines += [parameter(each) for each in parameters]
        lines.append("\n")
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        lines.append(f"Takes {kind_of(content, shown)} as `{media_type}`.\n\n")
    lines.append(answers(operation, shown))
    return "".join(lines)


def parameter(described: Schema) -> str:
    schema = described["schema"]
    meaning = paragraph(described.get("description") or schema.get("description", ""))
    name = described["name"] + ("[...]" if described.get("style") == "deepObject" else "")
    return f"| {' | '.join(map(cell, (f'`{name}`', in_words(schema), meaning)))} |\n"


def answers(operation: Schema, shown: dict[str, None]) -> str:
    """What a success has, and which errors are peculiar to it."""
    told = []
    for status, response in operation["responses"].items():
        if int(status) in SUCCESS:
            contents = response.get("content", {}).items()
            kinds = [f"{kind_of(content, shown)} as `{media_type}`" for media_type, content in contents]
            told.append(f"{status}" + (f": {' or '.join(kinds)}" if kinds else ""))
    others = [status for status in ("404", "409", "410", "415", "507") if status in operation["responses"]]
    errors = f" Errors of its own: {', '.join(others)}." if others else ""
    return f"Answers {'; '.join(told)}.{errors}\n\n"


def kind_of(content: Schema, shown: dict[str, None]) -> str:
    schema = content.get("schema", {})
    name = referred(schema)
    if name is None:
        return in_words(schema)
    entries = schemas()[name].get("properties", {}).get("data", {})
    if name.startswith("Listing_") and (entry := referred(entries.get("items", {}))):
        shown[entry] = None
        return f"a list of {link(entry)}"
    shown[name] = None
    return link(name)


def link(schema_name: str) -> str:
    return f"[{title(schema_name)}](#{title(schema_name).lower()}-object)"


def title(schema_name: str) -> str:
    return schema_name.removesuffix("Record")


def described(schema_name: str) -> str:
    schema = schemas()[schema_name]
    lines = [f"### {title(schema_name)} object\n\n"]
    if description := schema.get("description"):
        lines.append(f"{paragraph(description)}\n\n")
    if schema_name == "JobSpec":
        return "".join([*lines, "Its fields are in [spec.md](spec.md).\n\n"])
    lines.append("| field | is | meaning |\n| --- | --- | --- |\n")
    for field, described in schema["properties"].items():
        meaning = paragraph(described.get("description", ""))
        lines.append(f"| {' | '.join(map(cell, (f'`{field}`', in_words(described, link), meaning)))} |\n")
    return "".join([*lines, "\n"])
