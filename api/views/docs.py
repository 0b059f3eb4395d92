"""The documentation: Swagger UI, whose files come from a package and not from a CDN, and `/openapi.json`."""

from importlib.resources import files

from flask import Blueprint, Response, current_app, jsonify, send_from_directory
from flask_openapi import OpenAPI

from api.http.arguments import parse_request
from api.http.scopes import Scope
from jobs.validation.request_model import RequestModel

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>pretrain API</title>
  <link rel="stylesheet" href="docs/assets/css/swagger-ui.css">
  <link rel="icon" href="docs/assets/images/swagger.svg">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="docs/assets/js/swagger-ui-bundle.js"></script>
  <script src="docs/start.js"></script>
</body>
</html>
"""

# In a file of its own, so that the page needs no inline script. Without `validatorUrl: null` it would ask
# swagger.io to validate the document.
START_SCRIPT = """SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#swagger-ui", validatorUrl: null
});
"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'"
)

PUBLIC_PAGES = ("docs.page", "docs.start", "docs.asset")
"""Endpoints of the pages, and of their files, that a page elsewhere may link to."""

ASSETS = str(files("flask_openapi_swagger") / "templates" / "swagger")

docs = Blueprint("docs", __name__)


class AssetPath(RequestModel):
    file: str
    """Relative to the folder of Swagger UI's files."""


@docs.get("/docs")
@parse_request(Scope.PUBLIC)
def page() -> Response:
    return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


@docs.get("/docs/start.js")
@parse_request(Scope.PUBLIC)
def start() -> Response:
    return Response(START_SCRIPT, mimetype="text/javascript")


@docs.get("/docs/assets/<path:file>")
@parse_request(Scope.PUBLIC)
def asset(path: AssetPath) -> Response:
    return send_from_directory(ASSETS, path.file)


@docs.get("/openapi.json")
@parse_request(Scope.READ)
def openapi() -> Response:
    assert isinstance(current_app, OpenAPI)
    return jsonify(current_app.api_doc)
