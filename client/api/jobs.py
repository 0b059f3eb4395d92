"""Training jobs: what is done with one, from its submission to its deletion."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from client.api.job_events import JobEvents
from client.api.job_files import JobFiles
from client.api.job_history import JobHistory
from client.api.paths import checkpoint_path, job_path
from client.api.resource import Resource, without_none
from client.http import response_models
from client.http.response_models import Page
from client.records import Estimate, Job, JobChanges, JobSpec, Status

PAGE_SIZE = 100
Spec = JobSpec | Mapping[str, Any]
"""A job's spec: the fields that differ from the preset's, `{}` for the lecture's job."""


class JobRequests(Resource):
    """Jobs that are posted and changed."""

    def submit(self, spec: Spec) -> Job:
        """Post a job; its record, with every field of the spec filled in.

        It is posted once, however often the connection breaks before the answer is here.
        raises  ApiError 422 for a wrong spec, with each wrong field in `errors`; 507 if the disk is full
        """
        return self._transport.json_once("/jobs", response_models.Job, json=spec)

    def estimate(self, spec: Spec) -> Estimate:
        """What a job would take, without posting it: parameters by part, tokens, steps, FLOPs, bytes of
        memory and disk, seconds where they are known; `fits`, and the `reasons` if it does not.

        raises  ApiError 422 for a wrong spec
        """
        return self._transport.json("POST", "/jobs/estimate", response_models.Estimate, json=spec)

    def fork(
        self,
        job_id: str,
        *,
        checkpoint: str | int = "last",
        with_optimizer: bool = True,
        spec: Spec | None = None,
    ) -> Job:
        """Post a job that goes on from a checkpoint of another one; its record.

        checkpoint      `last`, `best` or a step, which counts updates done
        with_optimizer  whether it goes on with the optimizer's state and the parent's steps; else it starts
                        at step 0, from the weights alone
        spec            the fields that change
        raises          ApiError 404 without such a checkpoint, 422 for what can't change
        """
        request = {"checkpoint": checkpoint, "with_optimizer": with_optimizer, "spec": spec or {}}
        return self._transport.json_once(job_path(job_id, "fork"), response_models.Job, json=request)

    def edit(self, job_id: str, changes: JobChanges | Mapping[str, Any]) -> Job:
        """Change name, notes, tags, star, archiving or, while it waits, the priority of a job; its record."""
        return self._transport.json("PATCH", job_path(job_id), response_models.Job, json=changes)

    def cancel(self, job_id: str) -> Job:
        """Stop a job for good, after its current step. raises  ApiError 409 if it has ended"""
        return self._request(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """Stop a running job for a while, after its current step, with a checkpoint."""
        return self._request(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on from its last checkpoint."""
        return self._request(job_id, "resume")

    def finish(self, job_id: str) -> Job:
        """Let a running job end after its current step, with a last evaluation, sample and checkpoint."""
        return self._request(job_id, "finish")

    def write_checkpoint(self, job_id: str) -> Job:
        """Have a running job write a checkpoint after its current step, and go on."""
        return self._request(job_id, "checkpoint")

    def share(self, job_id: str) -> Job:
        """Let all see a job; its owner and administrators alone change it."""
        return self._request(job_id, "share")

    def unshare(self, job_id: str) -> Job:
        """Let nobody but its owner and administrators see a job any longer."""
        return self._request(job_id, "unshare")

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended or is paused, with its history and its checkpoints.

        raises  ApiError 409 while it runs, or while another job needs its checkpoint
        """
        self._transport.request("DELETE", job_path(job_id))

    def delete_checkpoint(self, job_id: str, step: int) -> None:
        """Delete the checkpoint of that step. raises  ApiError 409 if a job may go on from it"""
        self._transport.request("DELETE", checkpoint_path(job_id, step))

    def _request(self, job_id: str, verb: str) -> Job:
        return self._transport.json("POST", job_path(job_id, verb), response_models.Job)


class Jobs(JobRequests, JobEvents, JobHistory, JobFiles):
    """`pretrain.jobs`: jobs, what happens to them, and what they leave behind."""

    def list(
        self,
        *,
        status: Status | str | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        owner: str | None = None,
        starred: bool | None = None,
        archived: bool | Literal["any"] | None = None,
        metadata: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """Jobs, the newest first, asked for page by page as they are taken.

        tags      only jobs with all of these
        archived  True: only archived jobs; "any": those too; otherwise none of them
        metadata  only jobs with these labels
        limit     how many, at most; None: all
        """
        query = without_none(status=status, name=name, owner=owner)
        flags = without_none(starred=starred, archived=archived)
        query |= {field: str(value).lower() for field, value in flags.items()}
        query |= {f"metadata[{label}]": value for label, value in (metadata or {}).items()}
        if tags:
            query["tag"] = [*tags]
        return self._pages("/jobs", Page[response_models.Job], limit=limit, page_size=PAGE_SIZE, **query)
