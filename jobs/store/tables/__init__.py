"""The tables as SQLAlchemy models; `migrations/` creates them.

Every time is seconds since 1970, UTC, by the database's own clock: SQLite and PostgreSQL then compare and add
leases alike, and the hosts' clocks do not matter. The API returns them as RFC 3339.

They are imported from here: rows refer to rows of other files, whose tables must be known by then.
"""

from jobs.store.tables.access import AuditEntry, IdempotentAnswer, PageSession, Token
from jobs.store.tables.base import Owned, Preparable, Table
from jobs.store.tables.history import AlertFiring, Checkpoint, DeviceMetrics, Evaluation, Event, Sample
from jobs.store.tables.jobs import Job, JobVersion
from jobs.store.tables.prepared import ImportedModel, TrainedTokenizer
from jobs.store.tables.removals import ModelRemoval, Removal, TextRemoval, TokenizerRemoval
from jobs.store.tables.texts import Dataset, Preparation, TokenCount
from jobs.store.tables.webhooks import Webhook, WebhookDelivery
from jobs.store.tables.workers import Worker

__all__ = [
    "AlertFiring",
    "AuditEntry",
    "Checkpoint",
    "Dataset",
    "DeviceMetrics",
    "Evaluation",
    "Event",
    "IdempotentAnswer",
    "ImportedModel",
    "Job",
    "JobVersion",
    "ModelRemoval",
    "Owned",
    "PageSession",
    "Preparable",
    "Preparation",
    "Removal",
    "Sample",
    "Table",
    "TextRemoval",
    "Token",
    "TokenCount",
    "TokenizerRemoval",
    "TrainedTokenizer",
    "Webhook",
    "WebhookDelivery",
    "Worker",
]
