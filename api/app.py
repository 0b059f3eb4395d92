"""The application factory."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from flask_openapi import Info, OpenAPI

from api.http import quotas
from api.http.access import TrustedProxies, register_access
from api.http.audit import register_audit
from api.http.bodies import MAX_BODY_BYTES
from api.http.compression import register_compression
from api.http.error_handlers import register_error_handlers
from api.http.guard import register_guard
from api.http.headers import register_headers
from api.http.openapi import complete_document
from api.http.problems import Problem
from api.http.quotas import Quotas, register_quotas
from api.http.requests import Request
from api.live import feed
from api.monitoring.requests import register_monitoring
from api.pages.files import PUBLIC_FILES, pages
from api.server.pools import GENERATIONS, POOL_ATTRIBUTE
from api.services import EXTENSION, open_services
from api.views.audit import audit
from api.views.completions import completions
from api.views.copied import copied
from api.views.datasets import datasets
from api.views.device_metrics import device_metrics
from api.views.disk import disk
from api.views.docs import PUBLIC_PAGES, docs
from api.views.downloads import downloads
from api.views.estimates import estimates
from api.views.events import events
from api.views.generation import generation
from api.views.health import health
from api.views.history import history
from api.views.imported_models import imported_models
from api.views.jobs import jobs
from api.views.limits import limits
from api.views.losses import losses
from api.views.metrics import metrics
from api.views.models import models
from api.views.scores import scores
from api.views.session import page_session
from api.views.sharing import sharing
from api.views.tokenizers import tokenizers
from api.views.tokens import tokens
from api.views.trainer_log import trainer_log
from api.views.webhooks import webhooks
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
    register_quotas(app)
    register_compression(app)
    register_headers(app)
    register_monitoring(app)
    register_access(app, {*PUBLIC_FILES, *PUBLIC_PAGES})
    register_guard(app)
    register_audit(app)
    register_error_handlers(app)
    for blueprint in (
        jobs,
        estimates,
        losses,
        history,
        copied,
        events,
        trainer_log,
        device_metrics,
        downloads,
        generation,
        scores,
        models,
        completions,
        datasets,
        tokenizers,
        imported_models,
        webhooks,
        workers,
        metrics,
        limits,
        disk,
        tokens,
        sharing,
        page_session,
        audit,
        health,
    ):
        app.register_api(blueprint)
    app.register_blueprint(docs)
    app.register_blueprint(pages)
    # Now, because flask-openapi builds it at the first request for it, which is not safe between threads.
    complete_document(app)
    return app


def with_services(app: OpenAPI, settings: Settings) -> OpenAPI:
    """The application, with what its views work with."""
    opened = open_services(settings)
    app.extensions[EXTENSION] = opened
    app.extensions[feed.EXTENSION] = feed.EventFeed(opened.database)
    app.extensions[quotas.EXTENSION] = Quotas(settings, is_generation)
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    return app


def is_generation(view: Callable[..., Any]) -> bool:
    """Whether it waits for a generation worker."""
    return getattr(view, POOL_ATTRIBUTE, None) == GENERATIONS
