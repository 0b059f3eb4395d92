"""Webhooks: add, list, show, delete, and what was sent to them."""

from http import HTTPStatus
from typing import Annotated

from flask import Response, url_for
from flask_openapi import APIBlueprint, Tag
from pydantic import AfterValidator, Field

from api.http.arguments import WebhookPath, model_parser, parse_request
from api.http.problems import invalid_fields, problem_responses
from api.http.queries import CursorPage
from api.http.scopes import Scope
from api.records.record import Listing, json_response, list_response
from api.records.webhooks import DeliveryRecord, WebhookRecord, delivery_record, webhook_record
from api.services import services
from jobs.store.webhooks import (
    EventType,
    add_webhook,
    delete_webhook,
    get_webhook,
    list_deliveries,
    page_of_webhooks,
)
from jobs.validation.field_errors import FieldError
from jobs.validation.request_model import RequestModel
from jobs.webhooks.addresses import Unreachable, permitted_addresses
from jobs.webhooks.signature import new_secret
from jobs.webhooks.url import parse_webhook_url
from model.config import Text

DEFAULT_EVENTS: list[EventType] = ["job.paused", "job.succeeded", "job.failed", "job.cancelled", "alert"]

webhooks = APIBlueprint(
    "webhooks", __name__, abp_tags=[Tag(name="webhooks")], abp_responses=problem_responses(422, 500, 503)
)


def check_url(url: str) -> str:
    parse_webhook_url(url)
    return url


class WebhookRequest(RequestModel):
    url: Annotated[Text, AfterValidator(check_url)] = Field(min_length=1, max_length=2000)
    """Where deliveries are posted to: `https` or `http`, on any port, at a public address, or one in
    `PRETRAIN_WEBHOOK_ALLOW_PRIVATE`."""

    events: list[EventType] = Field(DEFAULT_EVENTS, min_length=1, max_length=20)
    """What it is told of: a job's changes of status, and its alerts. Default: ends, pauses and alerts."""

    secret: Text | None = Field(None, min_length=16, max_length=200)
    """What deliveries are signed with. Default: one of 256 random bits."""


class DeliveriesQuery(CursorPage):
    limit: int = Field(100, ge=1, le=1000)
    """Deliveries in the response, at most. Default: 100."""

    after: Text | None = Field(None, min_length=1, max_length=200)
    """The id of the last delivery of the page before, which must still be listed. Default: from the newest
    on."""


@webhooks.post("/webhooks", responses={201: WebhookRecord, **problem_responses(400, 413, 415)})
@parse_request(Scope.ADMIN, body=model_parser(WebhookRequest))
def post_webhook(body: WebhookRequest) -> Response:
    """Add a webhook
    The response has the secret, and no later one does. Each delivery is a POST of `{"id", "type",
    "created_at", "data"}` with the header `X-Pretrain-Signature: t=SECONDS,v1=HEX`, where `v1` is the
    HMAC-SHA256 by the secret over SECONDS, a dot and the body. An answer below 300 takes it; else it is tried
    again, ever later, for a day. A delivery may come twice, under the same id.
    """
    url = parse_webhook_url(body.url)
    try:
        permitted_addresses(url.host, url.port, services().settings.webhook_allow_private)
    except Unreachable as error:
        raise invalid_fields([FieldError("url", str(error), body.url)]) from error
    with services().database.write() as session:
        webhook = add_webhook(session, body.url, body.events, body.secret or new_secret())
    location = url_for("webhooks.show_webhook", webhook_id=webhook.id)
    return json_response(webhook_record(webhook, with_secret=True), HTTPStatus.CREATED, location=location)


@webhooks.get("/webhooks", responses={200: Listing[WebhookRecord], **problem_responses(400)})
@parse_request(Scope.ADMIN)
def show_webhooks(query: CursorPage) -> Response:
    """List the webhooks, the oldest first"""
    with services().database.read() as session:
        page, has_more = page_of_webhooks(session, query.limit, query.after)
    return list_response(list(map(webhook_record, page)), has_more=has_more)


@webhooks.get("/webhooks/<webhook_id>", responses={200: WebhookRecord, **problem_responses(404)})
@parse_request(Scope.ADMIN)
def show_webhook(path: WebhookPath) -> Response:
    """Show a webhook"""
    with services().database.read() as session:
        return json_response(webhook_record(get_webhook(session, path.webhook_id)))


@webhooks.delete("/webhooks/<webhook_id>", responses={204: None, **problem_responses(404)})
@parse_request(Scope.ADMIN)
def remove_webhook(path: WebhookPath) -> Response:
    """Delete a webhook
    With the list of its deliveries; what it has not been told yet it never is.
    """
    with services().database.write() as session:
        delete_webhook(session, path.webhook_id)
    return Response(status=HTTPStatus.NO_CONTENT)


@webhooks.get(
    "/webhooks/<webhook_id>/deliveries",
    responses={200: Listing[DeliveryRecord], **problem_responses(400, 404)},
)
@parse_request(Scope.ADMIN)
def show_deliveries(path: WebhookPath, query: DeliveriesQuery) -> Response:
    """List what a webhook was told, or is to be told, the newest first
    Deliveries are listed for a week, those of deleted jobs too.
    """
    with services().database.read() as session:
        page, has_more = list_deliveries(session, path.webhook_id, query.limit, query.after)
    return list_response([delivery_record(delivery) for delivery in page], has_more=has_more)
