"""POST /jobs/estimate"""

from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic import ByteSize
from sqlalchemy import event, func, select

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.conftest import Serve
from tests.jobs.making import CALIBRATION, announce_worker, asked_tokenizer, long_dataset, silence_worker
from tests.jobs.messages import messages
from tests.sweeps import examples

TINY = {"preset": "tiny", "dataset": "sample"}


def test_the_lectures_parts_are_counted_as_the_lecture_counts_them(client: FlaskClient) -> None:
    # Raschka, chapter 4: 163,009,536 parameters at GPT-2's context, 124,412,160 without the head.
    body = {"dataset": "sample", "model": {"context_length": 1024}, "training": {"train_ratio": 0.5}}
    response = client.post("/jobs/estimate", json=body)
    assert response.status_code == 200
    parameters = response.get_json()["parameters"]
    assert parameters == {
        "token_embedding": 50_257 * 768,
        "position_embedding": 1_024 * 768,
        "blocks": 12,
        "block": {"attention": 2_360_064, "feed_forward": 4_722_432, "norms": 3_072, "total": 7_085_568},
        "final_norm": 1_536,
        "head": 50_257 * 768,
        "total": 163_009_536,
        "without_head": 124_412_160,
    }


def test_a_tied_head_has_no_parameters_of_its_own(client: FlaskClient) -> None:
    parameters = client.post("/jobs/estimate", json=TINY).get_json()["parameters"]
    assert parameters["head"] == 0
    assert parameters["total"] == parameters["without_head"]


def test_an_estimate_says_how_often_the_job_does_what(client: FlaskClient) -> None:
    body = {
        **TINY,
        "training": {"num_epochs": 3, "max_steps": 100},
        "evaluation": {"eval_freq": 10, "eval_iter": 2},
    }
    estimate = client.post("/jobs/estimate", json=body).get_json()
    assert estimate["object"] == "estimate"
    assert (estimate["fits"], estimate["reasons"]) == (True, [])
    assert estimate["spec"]["training"]["max_steps"] == 100
    assert estimate["tokens"] == {"train": 4_688, "validation": 527, "epoch": 36 * 128, "total": 100 * 128}
    counted = ("windows", "steps_per_epoch", "steps", "epochs", "evaluations", "samples", "checkpoints")
    assert [estimate[name] for name in counted] == [73, 36, 100, 3, 11, 3, 3]
    flops = estimate["flops"]
    # 6 for each of 12 * 2 * 64**2 + 50,257 * 64 weights, and 12 * 2 * 64 * 64 for attention.
    assert flops["per_token"] == 6 * (98_304 + 3_216_448) + 98_304
    assert flops["training"] == 100 * 128 * flops["per_token"]
    # Two batches of both splits each time: all operations but those of the backward pass, a third.
    assert flops["evaluation"] == pytest.approx(11 * 2 * 2 * 128 * flops["per_token"] / 3)


def test_the_parts_of_the_memory_are_all_of_it(client: FlaskClient) -> None:
    memory = client.post("/jobs/estimate", json=TINY).get_json()["memory"]
    parts = {name: size for name, size in memory.items() if name.endswith("_bytes")}
    assert parts.pop("total_bytes") == sum(parts.values())
    assert min(parts.values()) > 0


def test_the_workers_are_read_once(client: FlaskClient, database: Database) -> None:
    announce_worker(database, "train", memory_bytes=2**40)
    asked: list[str] = []
    engine = client.application.extensions["pretrain"].database.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert client.post("/jobs/estimate", json={"preset": "tiny", "dataset": "sample"}).status_code == 200
    assert sum("FROM workers" in statement for statement in asked) == 1


def test_the_memory_is_that_of_the_live_workers_machines(client: FlaskClient, database: Database) -> None:
    def memory() -> dict[str, Any]:
        answer: dict[str, Any] = client.post("/jobs/estimate", json=TINY).get_json()["memory"]
        return answer

    unknown = memory()
    announce_worker(database, "train", device="cpu", calibration=CALIBRATION.to_json())
    announce_worker(database, "generate")
    on_cpu = memory()
    assert (on_cpu["device"], on_cpu["numerics"]) == ("cpu", "float32")
    assert on_cpu["total_bytes"] <= unknown["total_bytes"]
    announce_worker(database, "train", id="train-2", device="cuda")
    assert memory()["total_bytes"] >= on_cpu["total_bytes"]


def test_the_time_is_that_of_the_fastest_live_worker(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    slow = replace(CALIBRATION, auto="bfloat16", threads=1)
    announce_worker(database, "train", id="slow", device="cpu", calibration=slow.to_json())
    announce_worker(database, "train", id="unmeasured", device="cpu")
    slowly = client.post("/jobs/estimate", json=TINY).get_json()
    assert slowly["time_on"] == {"worker": "slow", "device": "cpu", "numerics": "bfloat16", "threads": 1}
    announce_worker(database, "train", id="fast", device="cpu", calibration=CALIBRATION.to_json())
    quickly = client.post("/jobs/estimate", json=TINY).get_json()
    assert (quickly["time_on"]["worker"], quickly["time_on"]["numerics"]) == ("fast", "float32")
    assert 0 < quickly["time_s"] < slowly["time_s"]
    assert quickly["unknown"] == {}
    for worker in ("slow", "unmeasured", "fast"):
        silence_worker(database, worker, settings.lease_s)
    nobody = client.post("/jobs/estimate", json=TINY).get_json()
    assert (nobody["time_s"], nobody["time_on"]) == (None, None)
    assert nobody["unknown"]["time_s"] == "no training worker is live, on which it would be trained"


def test_while_the_machine_is_too_busy_to_be_measured_the_time_is_not_known_and_why(
    client: FlaskClient, database: Database
) -> None:
    unmeasured = replace(CALIBRATION, auto="bfloat16", rates={})
    announce_worker(database, "train", device="cpu", calibration=unmeasured.to_json())
    estimate = client.post("/jobs/estimate", json=TINY).get_json()
    assert (estimate["time_s"], estimate["time_on"]) == (None, None)
    assert (
        "as soon as neither a job nor any other program keeps its machine busy"
        in estimate["unknown"]["time_s"]
    )
    assert estimate["memory"]["numerics"] == "bfloat16"


def test_a_numerics_that_is_asked_for_is_the_one_that_is_timed(
    client: FlaskClient, database: Database
) -> None:
    announce_worker(database, "train", device="cpu", calibration=CALIBRATION.to_json())
    asked = client.post("/jobs/estimate", json={**TINY, "training": {"numerics": "bfloat16"}}).get_json()
    assert asked["time_on"]["numerics"] == asked["memory"]["numerics"] == "bfloat16"


def test_nothing_is_stored_and_nothing_published(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    assert client.post("/jobs/estimate", json=TINY).status_code == 200
    assert client.get("/jobs").get_json()["data"] == []
    assert messages(settings) == 0
    assert not (settings.artifacts / "jobs").exists()


def test_what_is_too_large_is_answered_with_its_estimate_and_the_reason(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"max_job_memory": ByteSize(2**30)}))
    estimate = client.post("/jobs/estimate", json={"dataset": "sample"}).get_json()
    (reason,) = estimate["reasons"]
    assert (estimate["fits"], reason["field"]) == (False, "model")
    assert "more than the limit of 1.0 GiB (PRETRAIN_MAX_JOB_MEMORY)" in reason["message"]
    assert estimate["memory"]["total_bytes"] > 2**30


def test_a_text_that_fills_no_batch_comes_to_no_step(client: FlaskClient) -> None:
    estimate = client.post("/jobs/estimate", json={**TINY, "training": {"batch_size": 1000}}).get_json()
    assert [reason["field"] for reason in estimate["reasons"]] == ["training.batch_size"]
    assert (estimate["steps"], estimate["evaluations"], estimate["tokens"]["total"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**TINY, "dataset": "none"}, "dataset"),
        ({**TINY, "validation_dataset": "none"}, "validation_dataset"),
        ({"preset": "tiny"}, "dataset"),
    ],
    ids=["unknown", "unknown to validate on", "not to be fetched"],
)
def test_without_its_text_what_follows_from_the_spec_alone_is_told(
    client: FlaskClient, no_network: None, body: dict[str, Any], field: str
) -> None:
    estimate = client.post("/jobs/estimate", json=body).get_json()
    assert not estimate["fits"]
    assert [reason["field"] for reason in estimate["reasons"]] == [field]
    assert estimate["reasons"] == client.post("/jobs", json=body).get_json()["errors"]
    assert estimate["parameters"]["total"] > 0
    assert estimate["memory"]["total_bytes"] > 0
    assert (
        estimate["unknown"]["tokens"] == estimate["unknown"]["time_s"] == "a text that it names can't be had"
    )


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"training": {"learning_rate": 0}}, ["training.learning_rate"]),
        ({"tokenizer": "tokenizer-0", "dataset": "none"}, ["tokenizer", "dataset"]),
        ({"unknown": 1}, ["unknown"]),
        ([], [""]),
    ],
)
def test_what_is_no_spec_is_refused_as_by_post_jobs(
    client: FlaskClient, body: Any, fields: list[str]
) -> None:
    estimated, posted = (client.post(path, json=body) for path in ("/jobs/estimate", "/jobs"))
    assert estimated.status_code == posted.status_code == 422
    assert [error["field"] for error in estimated.get_json()["errors"]] == fields
    assert estimated.get_json()["errors"] == posted.get_json()["errors"]


def test_a_text_that_is_not_there_is_told_with_what_else_does_not_fit(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"max_job_memory": ByteSize(2**30)}))
    body = {"preset": "gpt2-xl", "dataset": "none", "validation_dataset": "none"}
    estimated, posted = (client.post(path, json=body).get_json() for path in ("/jobs/estimate", "/jobs"))
    assert [reason["field"] for reason in estimated["reasons"]] == ["dataset", "validation_dataset", "model"]
    assert estimated["reasons"] == posted["errors"]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_what_a_worker_has_yet_to_count_is_null_with_the_reason(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    body = {"preset": "tiny", "dataset": dataset.id, "tokenizer": "bytes"}
    estimate = client.post("/jobs/estimate", json=body).get_json()
    nulls = {name for name, value in estimate.items() if value is None}
    assert nulls == set(estimate["unknown"]) >= {"tokens", "steps", "flops", "disk_bytes", "time_s"}
    assert "a worker counts its tokens" in estimate["unknown"]["tokens"]
    assert estimate["fits"]
    assert estimate["parameters"]["total"] > 0


def test_the_vocabulary_of_a_tokenizer_in_training_is_the_one_that_was_asked_for(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    tokenizer = asked_tokenizer(database, settings, vocab_size=300)
    estimate = client.post("/jobs/estimate", json={**TINY, "tokenizer": tokenizer.id}).get_json()
    assert estimate["parameters"]["token_embedding"] == 300 * 64


SPECS = st.fixed_dictionaries(
    {"preset": st.just("tiny"), "dataset": st.sampled_from(["sample", "none"])},
    optional={
        "tokenizer": st.sampled_from(["gpt2", "bytes"]),
        "model": st.fixed_dictionaries(
            {},
            optional={
                "context_length": st.sampled_from([0, 1, 64, 500, 526, 527, 5_000]),
                "emb_dim": st.sampled_from([4, 30, 64, 4096]),
                "n_layers": st.integers(1, 8),
                "tie_weights": st.booleans(),
            },
        ),
        "training": st.fixed_dictionaries(
            {},
            optional={
                "batch_size": st.sampled_from([1, 2, 73, 74, 5_000]),
                "stride": st.sampled_from([None, 1, 64, 4_000]),
                "num_epochs": st.sampled_from([1, 3, 10_001, 1_000_000]),
                "max_steps": st.sampled_from([None, 1, 50]),
                "warmup_steps": st.sampled_from([0, 10, 1_000]),
                "train_ratio": st.sampled_from([0.001, 0.5, 0.9]),
                "numerics": st.sampled_from(["reference", "float32", "bfloat16"]),
            },
        ),
        "checkpoints": st.fixed_dictionaries({}, optional={"keep_last": st.sampled_from([1, 1_000])}),
    },
)


@pytest.mark.hypothesis
def test_what_is_estimated_not_to_fit_is_what_post_jobs_refuses_and_for_the_same_reasons(
    serve: Serve, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.lifecycle.feasibility.disk_bytes", lambda _: 2**30)
    client = serve(settings.model_copy(update={"max_job_memory": ByteSize(2**30)}))
    seen: set[int] = set()

    @hypothesis.settings(max_examples=examples(100), suppress_health_check=list(HealthCheck))
    @given(SPECS)
    def agree(body: dict[str, Any]) -> None:
        estimated, posted = (client.post(path, json=body) for path in ("/jobs/estimate", "/jobs"))
        seen.add(posted.status_code)
        answer = estimated.get_json()
        if estimated.status_code == 422:
            assert (posted.status_code, posted.get_json()["errors"]) == (422, answer["errors"])
        elif answer["fits"]:
            job = posted.get_json()
            assert posted.status_code == 201
            assert answer["reasons"] == []
            assert job["spec"] == answer["spec"]
            assert (job["parameters"], job["progress"]["total_steps"]) == (
                answer["parameters"]["total"],
                answer["steps"],
            )
            with database.read() as session:
                stored = session.scalar(select(Job.memory_bytes).where(Job.id == job["id"]))
            assert stored == answer["memory"]["total_bytes"]
        else:
            assert (posted.status_code, posted.get_json()["errors"]) == (422, answer["reasons"])

    agree()
    assert seen == {201, 422}
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) > 0
