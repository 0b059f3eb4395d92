"""A job's whole way: posted, trained, looked at from outside by command and by HTTP, asked for text."""

import csv
import io
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.api.eject.ejecting import link_packages, run_all
from tests.client.running import Running, wait_until
from tests.small import small_spec
from tests.waiting import PATIENCE_S

TINY = ["--set", "preset=tiny", "--set", "dataset=sample"]
EPOCHS = 3

Record = dict[str, Any]


@pytest.fixture(scope="module")
def job(service: Running) -> Record:
    """The record of `{"preset": "tiny", "dataset": "sample"}`, watched to its end."""
    record: Record = json.loads(service.run("submit", *TINY, "--watch", "--json"))
    return record


def get(service: Running, path: str) -> httpx2.Response:
    response = httpx2.get(service.url + path, timeout=PATIENCE_S, trust_env=False, verify=False)
    assert response.status_code == 200, response.text
    return response


def test_the_job_succeeds_and_has_counted_every_step(job: Record) -> None:
    assert job["status"] == "succeeded"
    assert job["progress"]["epoch"] == EPOCHS
    assert job["progress"]["fraction"] == 1
    assert job["progress"]["step"] == job["progress"]["total_steps"]
    assert (job["attempt"], job["failures"], job["error"]) == (1, 0, None)


def test_both_losses_fall_and_each_evaluated_step_stands_once(service: Running, job: Record) -> None:
    rows = json.loads(service.call("losses", job["id"], "--json"))
    total_steps = job["progress"]["total_steps"]
    assert [row["step"] for row in rows] == [*range(0, total_steps, 5), total_steps - 1]
    for name in ("train_loss", "val_loss"):
        assert rows[-1][name] < rows[0][name] - 1
    assert job["latest"] == {name: rows[-1][name] for name in ("train_loss", "val_loss", "val_bpb", "step")}


@pytest.mark.sqlite_will_do
def test_csv_and_json_have_the_same_rows(service: Running, job: Record) -> None:
    rows = json.loads(service.call("losses", job["id"], "--json"))
    lines = list(csv.DictReader(io.StringIO(service.call("losses", job["id"], "--csv"))))
    assert [{name: str(value) for name, value in row.items()} for row in rows] == lines


@pytest.mark.sqlite_will_do
def test_the_plot_comes_as_png_and_svg(service: Running, job: Record, tmp_path: Path) -> None:
    for name, beginning in (("plot.png", b"\x89PNG\r\n"), ("plot.svg", b"<?xml")):
        service.call("losses", job["id"], "--plot", str(tmp_path / name))
        assert (tmp_path / name).read_bytes().startswith(beginning)


def test_each_epoch_left_a_sample_that_begins_with_the_prompt(service: Running, job: Record) -> None:
    samples = json.loads(service.call("samples", job["id"], "--json"))
    assert [sample["epoch"] for sample in samples] == [1, 2, 3]
    assert all(sample["text"].startswith("Every effort moves you") for sample in samples)


def test_the_last_and_the_best_checkpoint_are_kept(service: Running, job: Record) -> None:
    checkpoints = json.loads(service.call("checkpoints", job["id"], "--json"))
    assert {kind for checkpoint in checkpoints for kind in checkpoint["kind"]} == {"last", "best"}
    assert checkpoints[-1]["step"] == job["progress"]["total_steps"]
    assert all(len(checkpoint["sha256"]) == 64 for checkpoint in checkpoints)


def test_a_greedy_completion_is_the_jobs_last_sample(service: Running, job: Record) -> None:
    last_sample = json.loads(service.call("samples", job["id"], "--json"))[-1]
    answer = json.loads(service.call("generate", job["id"], "Every effort moves you", "--json"))
    assert answer["text"] == last_sample["text"]
    assert answer["completion_tokens"] == 50
    assert answer["job_id"] == job["id"]


@pytest.mark.sqlite_will_do
def test_generate_by_get_answers_the_same(service: Running, job: Record) -> None:
    query = f"?job_id={job['id']}&prompt=Every+effort&max_new_tokens=5&temperature=1&seed=7"
    first, second = (get(service, "/generate" + query).json() for _ in range(2))
    assert first["completion"] == second["completion"]
    assert first["completion_tokens"] == 5


@pytest.mark.sqlite_will_do
def test_prompts_that_come_together_get_the_answers_that_each_gets_alone(
    service: Running, job: Record
) -> None:
    queries = [
        f"/generate?job_id={job['id']}&prompt={'Effort'[:n]}&max_new_tokens={5 * n}&temperature=1&seed={n}"
        for n in range(1, 9)
    ]
    alone = [get(service, query).json()["text"] for query in queries]
    with ThreadPoolExecutor(len(queries)) as pool:
        together = list(pool.map(lambda query: get(service, query).json()["text"], queries))
    assert together == alone


def test_the_job_stands_in_the_list(service: Running, job: Record) -> None:
    assert job["id"] in [row["id"] for row in json.loads(service.call("jobs", "--json"))]
    assert job["id"] in service.call("jobs", "--status", "succeeded")


def test_the_service_says_that_it_is_well(service: Running) -> None:
    assert get(service, "/healthz").json()["status"] == "ok"
    checks = get(service, "/readyz").json()["checks"]
    assert checks == dict.fromkeys(["database", "broker", "migrations", "workers", "artifacts"], "ok")


@pytest.mark.sqlite_will_do
def test_a_bad_spec_is_refused_with_every_wrong_field(service: Running) -> None:
    wrong = {"model": {"n_heads": 5}, "training": {"learning_rate": -1}, "colour": "red"}
    response = httpx2.post(
        f"{service.url}/jobs", json=wrong, timeout=PATIENCE_S, trust_env=False, verify=False
    )
    assert response.status_code == 422
    assert response.headers["content-type"].startswith("application/problem+json")
    assert {error["field"] for error in response.json()["errors"]} == {
        "model.emb_dim",
        "training.learning_rate",
        "colour",
    }


def test_a_text_of_ones_own_can_be_trained_on(service: Running, tmp_path: Path) -> None:
    file = tmp_path / "rhyme.txt"
    file.write_text("The cat sat on the mat and the rat sat on the hat. " * 40)
    dataset = service.call("datasets", "add", str(file)).strip()
    settings = ["--set", "preset=tiny", "--set", f"dataset={dataset}", "--set", "tokenizer=bytes"]
    steps = ["--set", "training.max_steps=3", "--set", "training.numerics=reference"]
    job = json.loads(service.call("submit", *settings, *steps, "--watch", "--json"))
    assert (job["status"], job["progress"]["step"]) == ("succeeded", 3)
    assert dataset in service.call("datasets", "list")


def test_a_running_job_can_be_cancelled(service: Running) -> None:
    job = json.loads(service.call("submit", *TINY, "--set", "training.num_epochs=1000", "--json"))

    def has_begun() -> bool:
        return bool(json.loads(service.call("show", job["id"], "--json"))["progress"]["step"])

    wait_until(has_begun, "the job had begun")
    service.call("cancel", job["id"])
    ended = json.loads(service.call("watch", job["id"], "--json", status=1))
    assert ended["status"] == "cancelled"
    assert ended["progress"]["step"] < ended["progress"]["total_steps"]


@pytest.mark.sqlite_will_do
def test_an_export_loaded_by_transformers_goes_on_as_the_service_does(
    service: Running, job: Record, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    service.run("export", job["id"], "--to", str(tmp_path / "hf"))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "hf")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    inputs = tokenizer("Every effort moves you", return_tensors="pt")
    last_sample = json.loads(service.call("samples", job["id"], "--json"))[-1]
    assert tokenizer.decode(model.generate(**inputs)[0]) == last_sample["text"]


@pytest.mark.sqlite_will_do
def test_the_weights_can_be_taken_away_as_they_are(service: Running, job: Record, tmp_path: Path) -> None:
    service.run("export", job["id"], "--format", "safetensors", "--to", str(tmp_path / "weights"))
    last = json.loads(service.call("checkpoints", job["id"], "--json"))[-1]
    content = (tmp_path / "weights" / "weights.safetensors").read_bytes()
    assert sha256(content).hexdigest() == last["sha256"]


@pytest.mark.sqlite_will_do
def test_an_ejected_job_prints_the_losses_of_the_jobs_rows(service: Running, tmp_path: Path) -> None:
    spec = small_spec(training={"numerics": "reference", "num_epochs": 2})
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    job = json.loads(service.run("submit", str(tmp_path / "spec.json"), "--watch", "--json"))
    service.run("eject", job["id"], "--to", str(tmp_path / "plain"))
    printed = run_all(link_packages(tmp_path / "packages", "torch"), {"job": tmp_path / "plain"})["job"]
    rows = json.loads(service.call("losses", job["id"], "--json"))
    names = ("step", "epoch", "tokens_seen", "train_loss", "val_loss")
    assert printed.rows == [tuple(row[name] for name in names) for row in rows]
    samples = json.loads(service.call("samples", job["id"], "--json"))
    assert printed.samples == "".join(sample["text"] + "\n" for sample in samples)


def test_a_stop_in_mid_training_loses_nothing_and_leaves_nothing(service: Running) -> None:
    """The last test on this service: it stops it, starts it again on the same data, and stops that too."""
    # So long that it is not over before the stop; in the end it is asked to finish.
    submitted = service.call("submit", *TINY, "--set", "training.num_epochs=1000", "--json")
    job_id = json.loads(submitted)["id"]

    def evaluated(running: Running) -> list[int]:
        return [row["step"] for row in json.loads(running.call("losses", job_id, "--json"))]

    wait_until(lambda: evaluated(service), "the first evaluation stood")
    stop_and_look(service)
    again = Running(["up", "--port", "0"], service.environment)
    try:
        again.wait_for("pretrain is ready.")
        before = evaluated(again)[-1]
        wait_until(lambda: evaluated(again)[-1] >= before + 10, "it went on")
        again.call("finish", job_id)
        job = json.loads(again.call("watch", job_id, "--json"))
        assert (job["status"], job["attempt"], job["failures"]) == ("succeeded", 2, 0)
        last = job["progress"]["step"] - 1
        assert evaluated(again) == [*range(0, last, 5), last]
        stop_and_look(again)
    finally:
        again.process.kill()


def stop_and_look(service: Running) -> None:
    titles = " ".join(service.processes().values())
    for name in ("-m api", "celeryd: train", "celeryd: generate", "celeryd: prepare", "worker.keeper"):
        assert name in titles
    service.send(signal.SIGTERM)
    assert service.ended() == 0
    assert service.processes() == {}
    assert not (service.data_dir / "url").exists()
