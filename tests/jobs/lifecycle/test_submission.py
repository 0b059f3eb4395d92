from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ByteSize
from sqlalchemy import func, select

from jobs.files.datasets import delete_dataset, store_dataset
from jobs.lifecycle.submission import submit
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.spec.stored_specs import read_spec
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.tables import Job
from jobs.validation.field_errors import FieldError, SpecError
from tests.jobs.making import TINY, announce_worker, queued_job, silence_worker


def refused(database: Database, settings: Settings, body: dict[str, object]) -> list[FieldError]:
    with pytest.raises(SpecError) as caught:
        submit(database, settings, parse_spec(body))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
    return caught.value.errors


def test_a_job_is_stored_as_queued_with_what_it_will_take(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings, name="first", metadata={"who": "me"})
    assert (job.status, job.attempt, job.name, job.labels) == (Status.QUEUED, 0, "first", {"who": "me"})
    assert job.total_steps == 108
    assert job.spec["training"]["num_epochs"] == 3


def test_a_text_shorter_than_the_context_says_which_context_fits(
    database: Database, settings: Settings
) -> None:
    dataset, _ = store_dataset(
        database, settings, "short", b"one two three four five six seven eight nine ten"
    )
    (error,) = refused(database, settings, {"dataset": dataset.id, "tokenizer": "bytes"})
    assert error.field == "model.context_length"
    assert "43 training and 5 validation tokens" in error.message
    assert "largest context that fits is 4" in error.message
    fits = {"dataset": dataset.id, "tokenizer": "bytes", "model": {"context_length": 4}}
    assert submit(database, settings, parse_spec(fits))[0].status == Status.QUEUED


def test_a_text_in_which_no_context_fits_says_so(database: Database, settings: Settings) -> None:
    dataset, _ = store_dataset(database, settings, "word", b"ab")
    (error,) = refused(database, settings, {"dataset": dataset.id, "tokenizer": "bytes"})
    assert "no context fits" in error.message


def test_a_batch_larger_than_the_text_says_how_many_windows_there_are(
    database: Database, settings: Settings
) -> None:
    (error,) = refused(database, settings, {**TINY, "training": {"batch_size": 1000}})
    assert error.field == "training.batch_size"
    assert "73 windows of 64 tokens" in error.message


def test_a_model_larger_than_the_memory_is_refused_with_both_figures(
    database: Database, settings: Settings
) -> None:
    small = settings.model_copy(update={"max_job_memory": ByteSize(2**30)})
    (error,) = refused(database, small, {"dataset": "sample"})
    assert error.field == "model"
    assert "162,419,712 parameters need about 2." in error.message
    assert "limit of 1.0 GiB (PRETRAIN_MAX_JOB_MEMORY)" in error.message


def test_checkpoints_larger_than_the_whole_disk_are_refused_with_both_figures(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.lifecycle.feasibility.disk_bytes", lambda _: 2**30)
    (error,) = refused(database, settings, {"dataset": "sample", "checkpoints": {"keep_last": 2}})
    assert error.field == "checkpoints"
    # 162,419,712 parameters: three times 12 bytes of each, and the best one's 4.
    assert "need 6.1 GiB at once, more than the whole disk of 1.0 GiB" in error.message
    assert isinstance(error.value, dict)
    assert error.value["keep_last"] == 2


def test_a_disk_that_is_full_just_now_refuses_no_job(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.files.disk.shutil.disk_usage", lambda _: SimpleNamespace(total=2**40, free=0))
    assert queued_job(database, settings).status == Status.QUEUED


def test_a_stride_that_leaves_too_few_windows_is_named_with_the_largest_that_fits(
    database: Database, settings: Settings
) -> None:
    (error,) = refused(database, settings, {**TINY, "training": {"stride": 10**9}})
    assert (error.field, error.value) == ("training.stride", 10**9)
    assert "leaves 1 of the windows of 64 tokens" in error.message
    assert "fewer than training.batch_size (2)" in error.message
    largest = int(error.message.rpartition("at most ")[2].replace(",", ""))
    (error,) = refused(database, settings, {**TINY, "training": {"stride": largest + 1}})
    assert error.field == "training.stride"
    assert (
        queued_job(database, settings, training={"stride": largest}).total_steps == 3
    )  # an epoch's one, thrice


def test_a_batch_that_no_wide_stride_could_fill_is_named_itself(
    database: Database, settings: Settings
) -> None:
    (error,) = refused(database, settings, {**TINY, "training": {"stride": 10**9, "batch_size": 1000}})
    assert error.field == "training.batch_size"
    assert "1 windows of 64 tokens at training.stride 1,000,000,000" in error.message


def test_too_many_steps_and_samples_are_refused(database: Database, settings: Settings) -> None:
    limited = settings.model_copy(update={"max_steps": 50, "max_samples": 2})
    errors = refused(database, limited, TINY)
    assert [(error.field, error.value) for error in errors] == [("training.num_epochs", 3)] * 2
    assert "comes to 108 steps; the limit is 50" in errors[0].message
    assert "comes to 3 samples, one after each epoch; the limit is 2" in errors[1].message


def test_of_epochs_and_steps_the_one_that_ends_the_job_is_named(
    database: Database, settings: Settings
) -> None:
    limited = settings.model_copy(update={"max_steps": 50, "max_samples": 1})
    errors = refused(database, limited, {**TINY, "training": {"max_steps": 73, "num_epochs": 100_000}})
    assert [(error.field, error.value) for error in errors] == [("training.max_steps", 73)] * 2
    assert "comes to 3 samples" in errors[1].message  # an epoch has 36 steps
    errors = refused(database, limited, {**TINY, "training": {"max_steps": 10**9, "num_epochs": 2}})
    assert [(error.field, error.value) for error in errors] == [("training.num_epochs", 2)] * 2


def test_samples_of_all_prompts_count_and_those_by_steps(database: Database, settings: Settings) -> None:
    limited = settings.model_copy(update={"max_samples": 5})
    (error,) = refused(database, limited, {**TINY, "sampling": {"start_context": ["a", "b"]}})
    assert (error.field, error.value) == ("training.num_epochs", 3)
    assert "comes to 6 samples, one after each epoch, 2 at a time; the limit is 5" in error.message
    (error,) = refused(
        database, limited, {**TINY, "sampling": {"every_steps": 20}}
    )  # of 108, beside 3 epochs
    assert (error.field, error.value) == ("sampling.every_steps", 20)
    assert "comes to 8 samples, by steps and epochs; the limit is 5" in error.message
    job = queued_job(database, limited, sampling={"every_epochs": None, "every_steps": 27})
    assert job.spec["sampling"]["every_steps"] == 27


def test_epochs_that_will_not_run_are_not_counted(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings, training={"num_epochs": 10**9, "max_steps": 5})
    assert job.total_steps == 5


def test_a_warm_up_longer_than_the_job_is_refused_with_both_figures(
    database: Database, settings: Settings
) -> None:
    (error,) = refused(database, settings, {**TINY, "training": {"warmup_steps": 2000, "max_steps": 12}})
    assert (error.field, error.value) == ("training.warmup_steps", 2000)
    assert error.message == (
        "2,000 steps of warm-up are more than the job's 12 steps (training.max_steps is 12)"
    )
    (error,) = refused(database, settings, {**TINY, "training": {"warmup_steps": 109}})
    assert "more than the job's 108 steps (training.num_epochs is 3)" in error.message
    assert queued_job(database, settings, training={"warmup_steps": 108}).status == Status.QUEUED


def test_a_stored_job_with_such_a_warm_up_is_still_read(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    stored = {**job.spec, "training": {**job.spec["training"], "warmup_steps": 2000}}
    assert read_spec(stored).training.warmup_steps == 2000


def test_checkpoints_that_will_not_be_written_take_no_disk(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.lifecycle.feasibility.disk_bytes", lambda _: 2**30)
    many = {"keep_last": 1000, "every_steps": 1}
    (error,) = refused(database, settings, {**TINY, "checkpoints": many})  # 108 of 39 MB
    assert error.field == "checkpoints"
    job = queued_job(database, settings, training={"max_steps": 5}, checkpoints=many)
    assert job.status == Status.QUEUED


def test_an_unknown_data_set_is_refused(database: Database, settings: Settings) -> None:
    (error,) = refused(database, settings, {"dataset": "none"})
    assert (error.field, error.value) == ("dataset", "none")
    assert "the-verdict, sample" in error.message


def test_a_verdict_that_cannot_be_fetched_names_the_sample(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs.files import builtin_datasets

    def no_internet(source: str) -> bytes:
        raise OSError("no route to host")

    monkeypatch.setattr(builtin_datasets, "read_source", no_internet)
    (error,) = refused(database, settings, {})
    assert error.field == "dataset"
    assert "`sample`" in error.message
    assert "PRETRAIN_DATASET_MIRROR" in error.message


def test_a_job_that_fits_none_of_its_queues_live_workers_is_refused_with_what_the_largest_has(
    database: Database, settings: Settings
) -> None:
    unlimited = settings.model_copy(update={"max_job_memory": None})
    spec = parse_spec({"dataset": "sample"})
    needed = submit(database, unlimited, spec)[0].memory_bytes or 0
    announce_worker(database, "train", id="small", memory_bytes=2**30)
    announce_worker(database, "train", id="larger", memory_bytes=2**31)
    announce_worker(database, "generate", memory_bytes=2**60)
    with pytest.raises(SpecError) as refused:
        submit(database, unlimited, spec)
    (error,) = refused.value.errors
    assert error.field == "model"
    assert "162,419,712 parameters" in error.message
    assert "more than any worker of the queue train has; the largest has 2.0 GiB" in error.message
    announce_worker(database, "train", id="large", memory_bytes=needed)
    submit(database, unlimited, spec)


@pytest.mark.parametrize("live", ["none", "one that does not say", "one that is lost"])
def test_while_it_is_not_known_what_the_workers_have_any_job_is_taken(
    database: Database, settings: Settings, live: str
) -> None:
    if live != "none":
        announce_worker(database, "train", id="small", memory_bytes=2**30)
        silence_worker(database, "small", 1000)
    if live == "one that does not say":
        announce_worker(database, "train", id="silent")
        announce_worker(database, "train", id="small", memory_bytes=2**30)
    unlimited = settings.model_copy(update={"max_job_memory": None})
    assert submit(database, unlimited, parse_spec({"dataset": "sample"}))[0].status == "queued"


def test_the_setting_bounds_what_is_taken_however_much_a_worker_has(
    database: Database, settings: Settings
) -> None:
    announce_worker(database, "train", memory_bytes=2**60)
    small = settings.model_copy(update={"max_job_memory": ByteSize(2**30)})
    with pytest.raises(SpecError, match=r"limit of 1\.0 GiB \(PRETRAIN_MAX_JOB_MEMORY\)"):
        submit(database, small, parse_spec({"dataset": "sample"}))


def test_a_data_set_that_is_deleted_while_the_job_is_checked_is_refused(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, _ = store_dataset(database, settings, "sea", b"The sea was calm, and so on.\n" * 200)

    def delete_it(*_: object) -> list[FieldError]:
        with database.write() as session:
            delete_dataset(session, dataset.id)
        return []

    monkeypatch.setattr("jobs.lifecycle.assessment.memory_errors", delete_it)
    (error,) = refused(database, settings, {**TINY, "dataset": dataset.id})
    assert (error.field, error.message) == ("dataset", "has just been deleted")
