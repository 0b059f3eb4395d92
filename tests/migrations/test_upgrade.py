import json
import math
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text

from jobs.files.datasets import list_datasets
from jobs.lifecycle.attempts import claim
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.history import list_evaluations, list_samples
from jobs.lifecycle.workers import list_workers
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.queue_order import first_in_line
from jobs.store.tables import Job, Sample, Table, TokenCount
from jobs.store.tokenizers import list_tokenizers
from migrations.upgrade import UnknownSchema, head_revision, schema_is_current, upgrade
from tests.migrations.earlier import earlier_database


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    assert upgrade(database) == head_revision()
    assert schema_is_current(database)


def test_a_database_of_the_first_version_keeps_its_rows(settings: Settings) -> None:
    with earlier_database(settings, "0001") as (database, session):
        session.execute(text(DATASET_OF_0001))
        for job_id, status in (("job-1", "queued"), ("job-2", "succeeded")):
            session.execute(text(JOB_OF_0001), {"id": job_id, "status": status})
        session.execute(text(EVENT_OF_0001))
        for step, loss in ((0, 9.0), (5, 7.0), (10, 8.0)):
            session.execute(text(EVALUATION_OF_0001), {"step": step, "loss": loss})
    assert not schema_is_current(database)
    upgrade(database)
    with database.read() as session:
        waiting, done = (get_job(session, job_id) for job_id in ("job-1", "job-2"))
        assert (waiting.status, waiting.spec, waiting.created_at) == ("queued", {"seed": 1}, 1.5)
        assert (waiting.queued_at, done.queued_at) == (1.5, None)
        assert [event.data for event in list_events(session, "job-1")] == [{"status": "queued"}]
        assert [row.val_loss for row in list_evaluations(session, "job-1")] == [9.0, 7.0, 8.0]
        assert list_workers(session, lease_s=30) == []
        assert [(row.id, row.text_start_bytes) for row in list_datasets(session)] == [("dataset-1", 0)]
    database.close()


def test_a_database_of_the_version_before_keeps_its_jobs_workers_and_errors(settings: Settings) -> None:
    with earlier_database(settings, "0006") as (database, session):
        session.execute(text(DATASET_OF_0001))
        for job_id, status in (("job-1", "queued"), ("job-2", "paused"), ("job-3", "failed")):
            session.execute(text(JOB_OF_0001), {"id": job_id, "status": status})
        for job_id, kind in (("job-2", "disk_full"), ("job-3", "diverged")):
            error = json.dumps({"type": kind, "message": "m", "attempt": 1, "retryable": False})
            session.execute(
                text("UPDATE jobs SET error = :error WHERE id = :id"), {"id": job_id, "error": error}
            )
        session.execute(text("UPDATE jobs SET queued_at = created_at WHERE id = 'job-1'"))
        session.execute(text(WORKER_OF_0006))
    upgrade(database)
    with database.read() as session:
        errors = [get_job(session, job_id).error for job_id in ("job-1", "job-2", "job-3")]
        assert [error and error["retryable"] for error in errors] == [None, True, False]
        (state,) = list_workers(session, lease_s=30)
        assert (state.status, state.worker.memory_bytes) == ("lost", None)
    with database.write() as session:
        claimed = claim(session, first_in_line("train", memory_bytes=1), "worker-1", lease_s=30)
        assert claimed is not None
        assert claimed.id == "job-1", "what it needs is not known, so it fits any worker"
    database.close()


def test_the_texts_of_a_database_of_the_version_before_are_plain(settings: Settings) -> None:
    with earlier_database(settings, "0008") as (database, session):
        session.execute(text(DATASET_OF_0001))
        session.execute(text(JOB_OF_0001), {"id": "job-1", "status": "queued"})
        session.execute(text(EVENT_OF_0001))
    upgrade(database)
    with database.read() as session:
        (dataset,) = list_datasets(session)
        assert (dataset.documents, dataset.longest_document) == (0, None)
        assert get_job(session, "job-1").dataset_id == dataset.id
        assert len(list_events(session, "job-1")) == 1
    database.close()


def test_the_jobs_of_a_database_of_the_version_before_have_no_parents(settings: Settings) -> None:
    with earlier_database(settings, "0011") as (database, session):
        session.execute(text(DATASET_OF_0001))
        session.execute(text(JOB_OF_0001), {"id": "job-1", "status": "queued"})
        session.execute(text(EVENT_OF_0001))
        session.execute(text(EVALUATION_OF_0001), {"step": 0, "loss": 9.0})
    upgrade(database)
    with database.read() as session:
        job = get_job(session, "job-1")
        assert (job.parent_id, job.parent_step, job.takes_optimizer) == (None, None, None)
        assert (job.initial_bytes, job.validation_dataset_id) == (0, None)
        assert (job.latest_val_bpb, job.best_val_bpb) == (None, None)
        assert [row.val_bpb for row in list_evaluations(session, "job-1")] == [None]
        assert len(list_events(session, "job-1")) == 1
        assert [row.val_loss for row in list_evaluations(session, "job-1")] == [9.0]
    database.close()


def test_what_the_version_before_has_counted_says_nothing_of_vocabularies(settings: Settings) -> None:
    with earlier_database(settings, "0012") as (database, session):
        session.execute(text(DATASET_OF_0001))
        session.execute(text(JOB_OF_0001), {"id": "job-1", "status": "queued"})
        session.execute(text(EVENT_OF_0001))
        session.execute(text(TOKEN_COUNT_OF_0012))
    upgrade(database)
    with database.read() as session:
        counted = session.get_one(TokenCount, ("dataset-1", "gpt2", 0.9))
        assert (counted.train_tokens, counted.val_tokens) == (9, 1)
        assert (counted.vocab_size, counted.used_tokens, counted.longest_document_tokens) == (None,) * 3
        assert list_tokenizers(session) == []
        assert len(list_events(session, "job-1")) == 1
    database.close()


TOKEN_COUNT_OF_0012 = """
    INSERT INTO token_counts (dataset_id, tokenizer, train_ratio, train_tokens, val_tokens)
    VALUES ('dataset-1', 'gpt2', 0.9, 9, 1)
"""
WORKER_OF_0006 = """
    INSERT INTO workers (id, queue, host, pid, listening, since, started_at, heard_at)
    VALUES ('train-1', 'train', 'here', 1, true, 1.0, 1.0, 1.0)
"""
DATASET_OF_0001 = """
    INSERT INTO datasets (id, name, builtin, sha256, characters, bytes, first_lines, created_at)
    VALUES ('dataset-1', 'mine', false, 'ab', 1, 1, 'a', 1.0)
"""
JOB_OF_0001 = """
    INSERT INTO jobs (id, status, spec, labels, queue, priority, dataset_id, dataset_sha256, parameters,
                      total_steps, attempt, failures, step, epoch, tokens_seen, created_at)
    VALUES (:id, :status, '{"seed": 1}', '{}', 'train', 0, 'dataset-1', 'ab', 1, 1, 0, 0, 0, 0, 0, 1.5)
"""
EVENT_OF_0001 = """
    INSERT INTO events (job_id, type, attempt, data, created_at)
    VALUES ('job-1', 'status', 0, '{"status": "queued"}', 1.5)
"""
EVALUATION_OF_0001 = """
    INSERT INTO evaluations (job_id, step, epoch, tokens_seen, train_loss, val_loss, learning_rate,
                             recorded_at)
    VALUES ('job-1', :step, 1, 1, :loss, :loss, 0.1, 1.5)
"""


def test_a_database_of_the_third_version_learns_what_ended_its_jobs_and_keeps_their_history(
    settings: Settings,
) -> None:
    job_of_0003 = JOB_OF_0001.replace("'{\"seed\": 1}'", ":spec")
    unlimited, limited = ({"training": {"max_steps": limit}} for limit in (None, 9))
    with earlier_database(settings, "0003") as (database, session):
        session.execute(text(DATASET_OF_0001))
        for job_id, status, spec in (
            ("epochs", "succeeded", unlimited),
            ("steps", "succeeded", limited),
            ("patience", "succeeded", limited),
            ("patience-at-the-end", "succeeded", unlimited),
            ("failed", "failed", limited),
            ("running", "running", unlimited),
        ):
            session.execute(text(job_of_0003), {"id": job_id, "status": status, "spec": json.dumps(spec)})
        session.execute(text("UPDATE jobs SET step = 9, total_steps = 9, tokens_per_s = 2.5"))
        session.execute(text("UPDATE jobs SET step = 3 WHERE id = 'patience'"))
        for job_id in ("patience", "patience-at-the-end"):
            session.execute(text(EARLY_STOP_OF_0003), {"id": job_id})
        for step, grad_norm in enumerate([1.5, math.inf, None]):
            session.execute(text(EVALUATION_OF_0003), {"step": step, "grad_norm": grad_norm})
        session.execute(text(SAMPLE_OF_0003))
        session.execute(text(CHECKPOINT_OF_0003))
    upgrade(database)
    with database.read() as session:
        jobs = {job.id: job for job in session.scalars(select(Job))}
        assert {job_id: job.ended_by for job_id, job in jobs.items()} == {
            "epochs": "epochs",
            "steps": "max_steps",
            "patience": "early_stopping",
            "patience-at-the-end": "epochs",
            "failed": None,
            "running": None,
        }
        assert {job.tokens_per_s for job in jobs.values()} == {2.5}
        assert [row.grad_norm for row in list_evaluations(session, "epochs")] == [1.5, None, None]
        assert [row.tokens_per_s for row in list_evaluations(session, "epochs")] == [10.0] * 3
        assert [row.text for row in list_samples(session, "epochs")] == ["ab"]
        assert [row.step for row in list_checkpoints(session, "epochs")] == [3]
        assert [event.type for event in list_events(session, "patience")] == ["early_stop"]
    database.close()


EARLY_STOP_OF_0003 = """
    INSERT INTO events (job_id, type, attempt, data, created_at)
    VALUES (:id, 'early_stop', 1, '{"step": 2, "best_val_loss": 1.0}', 1.5)
"""
EVALUATION_OF_0003 = """
    INSERT INTO evaluations (job_id, step, epoch, tokens_seen, train_loss, val_loss, learning_rate, grad_norm,
                             tokens_per_s, recorded_at)
    VALUES ('epochs', :step, 1, 1, 1.0, 1.0, 1.0, :grad_norm, 10.0, 1.0)
"""
SAMPLE_OF_0003 = """
    INSERT INTO samples (job_id, step, epoch, prompt, text, recorded_at)
    VALUES ('epochs', 0, 1, 'a', 'ab', 1.0)
"""
CHECKPOINT_OF_0003 = """
    INSERT INTO checkpoints (id, job_id, step, epoch, train_loss, val_loss, bytes, sha256, directory,
                             resumable, created_at)
    VALUES ('checkpoint-1', 'epochs', 3, 1, 1.0, 1.0, 10, 'cd', 'jobs/epochs/attempt-1/step-3', true, 1.0)
"""


def test_several_processes_may_upgrade_at_once(settings: Settings) -> None:
    databases = [Database(settings.database) for _ in range(4)]
    problems: list[Exception] = []

    def run(database: Database) -> None:
        try:
            upgrade(database)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=run, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert schema_is_current(databases[0])


def test_a_schema_of_a_newer_version_is_refused_with_the_reason(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnknownSchema, match=r"9999.*newer version"):
        upgrade(database)
    assert not schema_is_current(database)


def test_an_empty_database_is_not_current(settings: Settings) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    assert not schema_is_current(Database(settings.database))


def test_the_samples_of_the_version_before_are_of_its_only_prompt(settings: Settings) -> None:
    with earlier_database(settings, "0013") as (database, session):
        session.execute(text(DATASET_OF_0001))
        session.execute(text(JOB_OF_0001), {"id": "epochs", "status": "running"})
        session.execute(text(SAMPLE_OF_0003))
    upgrade(database)
    with database.write() as session:
        job = get_job(session, "epochs")
        assert (job.notes, job.tags, job.starred, job.archived) == (None, [], False, False)
        (sample,) = list_samples(session, "epochs")
        assert (sample.step, sample.index, sample.text) == (0, 0, "ab")
        session.add(Sample(job_id="epochs", step=0, index=1, epoch=1, prompt="b", text="bc", recorded_at=1.0))
    with database.write() as session:
        assert [row.index for row in list_samples(session, "epochs")] == [0, 1]
        session.delete(get_job(session, "epochs"))
        session.flush()
        assert list_samples(session, "epochs") == []
    database.close()
