"""GET /disk, POST /disk/prune and GET /limits"""

from flask.testing import FlaskClient

from jobs.lifecycle.attempts import end
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.conftest import Serve
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import announce_worker, running_job, silence_worker


def ended_with_checkpoints(database: Database, settings: Settings) -> Job:
    job = running_job(database, settings, name="mine")
    for step, val_loss in ((10, 1.0), (20, 3.0), (30, 2.0)):
        resumable_checkpoint(database, settings, job, step, val_loss=val_loss)
    with database.write() as session:
        end(session, job.id, job.attempt, Status.SUCCEEDED)
    return job


def test_the_disk_says_who_takes_it_and_what_could_be_freed(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = ended_with_checkpoints(database, settings)
    disk = client.get("/disk").get_json()
    assert disk["total_bytes"] >= disk["free_bytes"] > 0
    assert (disk["jobs_bytes"], disk["freeable_bytes"], disk["has_more"]) == (900, 700, False)
    assert disk["data"] == [
        {
            "id": job.id,
            "name": "mine",
            "status": "succeeded",
            "starred": False,
            "archived": False,
            "checkpoints": 3,
            "bytes": 900,
            "freeable_bytes": 700,
        }
    ]
    assert client.get("/disk?limit=0").status_code == 422


def test_pruning_first_says_what_would_go_and_then_does_it(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = ended_with_checkpoints(database, settings)
    planned = client.post("/disk/prune", json={"dry_run": True}).get_json()
    assert (planned["dry_run"], planned["bytes"]) == (True, 700)
    assert planned["data"] == [
        {"job_id": job.id, "step": 10, "what": "optimizer", "bytes": 200},
        {"job_id": job.id, "step": 20, "what": "checkpoint", "bytes": 300},
        {"job_id": job.id, "step": 30, "what": "optimizer", "bytes": 200},
    ]
    assert client.get("/disk").get_json()["jobs_bytes"] == 900
    pruned = client.post("/disk/prune", json={}).get_json()
    assert (pruned["dry_run"], pruned["data"]) == (False, planned["data"])
    assert client.get("/disk").get_json()["freeable_bytes"] == 0
    kept = client.get(f"/jobs/{job.id}/checkpoints").get_json()["data"]
    assert [checkpoint["step"] for checkpoint in kept] == [10, 30]
    assert client.post("/disk/prune", json={}).get_json()["data"] == []


def test_every_wrong_field_of_a_request_to_prune_is_named(client: FlaskClient) -> None:
    wrong = {"keep": ["first"], "status": ["running"], "older_s": -1, "archived": "no", "all": True}
    response = client.post("/disk/prune", json=wrong)
    fields = {error["field"] for error in response.get_json(force=True)["errors"]}
    assert (response.status_code, fields) == (422, {"keep.0", "status.0", "older_s", "archived", "all"})


def test_the_limits_are_those_of_the_settings_and_of_the_live_workers(
    serve: Serve, database: Database, settings: Settings
) -> None:
    client = serve(settings.model_copy(update={"max_steps": 7, "max_job_memory": 2**40}))
    limits = client.get("/limits").get_json()
    assert (limits["max_steps"], limits["max_job_memory_bytes"], limits["workers"]) == (7, 2**40, [])
    assert (limits["max_prompts"], limits["max_body_bytes"], limits["max_new_tokens"]) == (8, 2**20, 10_000)
    announce_worker(database, "train", memory_bytes=2**33, device="NVIDIA H100")
    lost = announce_worker(database, "train", id="train-2", memory_bytes=2**34, device="cpu")
    silence_worker(database, lost, 1000)
    limits = client.get("/limits").get_json()
    assert limits["max_job_memory_bytes"] == 2**33
    assert [(worker["device"], worker["memory_bytes"]) for worker in limits["workers"]] == [
        ("NVIDIA H100", 2**33)
    ]
