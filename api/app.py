"""The application factory."""

from importlib.metadata import version
from typing import Any

from flask import redirect, url_for
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from flask_openapi import Info, OpenAPI
from werkzeug.wrappers import Response

from api.http.access import TrustedProxies, register_access
from api.http.arguments import parse_request
from api.http.bodies import MAX_BODY_BYTES
from api.http.error_handlers import register_error_handlers
from api.http.headers import register_headers
from api.http.openapi import complete_document
from api.http.problems import Problem
from api.http.requests import Request
from api.services import EXTENSION, open_services
from api.views.completions import completions
from api.views.datasets import datasets
from api.views.docs import PUBLIC_PAGES, docs
from api.views.downloads import downloads
from api.views.generation import generation
from api.views.health import health
from api.views.history import history
from api.views.imported_models import imported_models
from api.views.jobs import jobs
from api.views.losses import losses
from api.views.models import models
from api.views.scores import scores
from api.views.tokenizers import tokenizers
from api.views.workers import workers
from jobs.process.panics import native_panics_as_errors
from jobs.settings import Settings, load_settings
from jobs.validation.strict_json import finite

DESCRIPTION = "Pre-trains GPT models from scratch. Post a job, watch it learn, ask the result for a text."


class StrictJSONProvider(DefaultJSONProvider):
    """Writes numbers that are not finite as null: JSON has no NaN and no Infinity."""

    sort_keys = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return super().dumps(finite(obj), allow_nan=False, **kwargs)


class Application(OpenAPI):
    """Turns a panic of native code into a 500. It is no `Exception` to Flask's error handlers: it would end
    the process, and every other request with it."""

    json_provider_class = StrictJSONProvider
    request_class = Request

    def dispatch_request(self) -> ResponseReturnValue:
        with native_panics_as_errors():
            return super().dispatch_request()


def create_app(settings: Settings | None = None) -> OpenAPI:
    """The service's WSGI application. It connects to nothing before a request needs it.

    settings  from the environment if None
    """
    return with_services(make_application(), settings or load_settings())


def make_application() -> OpenAPI:
    """Its routes and their document, which no setting changes."""
    info = Info(title="pretrain", version=version("pretrain"), description=DESCRIPTION)
    app = Application("api", info=info, doc_ui=False, validation_error_model=Problem, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    register_headers(app)
    register_access(app, PUBLIC_PAGES)
    register_error_handlers(app)
    for blueprint in (
        jobs,
        losses,
        history,
        downloads,
        generation,
        scores,
        models,
        completions,
        datasets,
        tokenizers,
        imported_models,
        workers,
        health,
    ):
        app.register_api(blueprint)
    app.register_blueprint(docs)
    app.add_url_rule("/", "root", redirect_to_docs)
    # Now, because flask-openapi builds it at the first request for it, which is not safe between threads.
    complete_document(app)
    return app


def with_services(app: OpenAPI, settings: Settings) -> OpenAPI:
    """The application, with what its views work with."""
    app.extensions[EXTENSION] = open_services(settings)
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    return app


@parse_request()
def redirect_to_docs() -> Response:
    return redirect(url_for("docs.page"))
