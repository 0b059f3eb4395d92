"""What a job has left behind so far: losses, samples, checkpoints, its trainers' log and metrics."""

from dataclasses import dataclass

from client.api.paths import job_path
from client.api.resource import DOWNLOAD_TIMEOUT, Resource, without_none
from client.http import response_models
from client.http.response_models import Page
from client.records import Checkpoint, DeviceMetrics, Loss, Sample

LOSS_COLUMNS = tuple(Loss.__annotations__)


@dataclass(frozen=True)
class LogPart:
    """What trainers wrote, and the place behind it."""

    text: str
    attempt: int
    """The newest one in it; 0 before the first."""
    offset: int
    """In that attempt's log, in bytes."""


class JobHistory(Resource):
    def losses(
        self,
        job_id: str,
        *,
        since_step: int = -1,
        until_step: int | None = None,
        max_points: int | None = None,
    ) -> list[Loss]:
        """A job's evaluations, in the order of their steps; losses in nats per token.

        A row's `step` is the 0-based number of the update just made.
        since_step  only rows after this step
        until_step  only rows up to this step
        max_points  at most so many rows, so chosen that no spike is lost; None: all
        """
        path, page = job_path(job_id, "losses"), Page[response_models.Loss]
        if max_points is not None:
            asked = without_none(since_step=since_step, until_step=until_step, max_points=max_points)
            rows: list[Loss] = self._transport.json("GET", path, page, params=asked)["data"]
            return rows
        return list(
            self._pages(
                path, page, parameter="since_step", cursor="step", start=since_step, until_step=until_step
            )
        )

    def loss_columns(
        self,
        job_id: str,
        *,
        since_step: int = -1,
        until_step: int | None = None,
        max_points: int | None = None,
    ) -> dict[str, list[float | int | str | None]]:
        """The same as columns: what `pandas.DataFrame` or a plot takes.

        returns  {"step": [0, 5, ...], "train_loss": [9.78, ...], ...}, all of the same length; columns as the
                 fields of `Loss`, None where a row has no value
        """
        rows = self.losses(job_id, since_step=since_step, until_step=until_step, max_points=max_points)
        names = dict.fromkeys([*LOSS_COLUMNS, *(name for row in rows[:1] for name in row)])
        return {name: [row.get(name) for row in rows] for name in names}  # type: ignore[misc]

    def losses_csv(self, job_id: str) -> str:
        """All losses as CSV (RFC 4180), with a line of names."""
        return self._transport.file(job_path(job_id, "losses"), "text/csv", params={"format": "csv"}).text

    def samples(self, job_id: str, *, since_step: int = -1) -> list[Sample]:
        """The texts that a job has written after `since_step`, in the order of their steps."""
        return list(
            self._pages(
                job_path(job_id, "samples"),
                Page[response_models.Sample],
                parameter="since_step",
                cursor="step",
                start=since_step,
            )
        )

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """A job's checkpoints, in the order of their steps, which count updates done."""
        return list(self._pages(job_path(job_id, "checkpoints"), Page[response_models.Checkpoint]))

    def metrics(
        self, job_id: str, *, since_elapsed_s: float | None = None, max_points: int | None = None
    ) -> list[DeviceMetrics]:
        """What a job's trainer took of its machine, over time: tokens/s, processor, memory, GPU.

        since_elapsed_s  only rows after so many seconds of training, pauses not counted
        max_points       at most so many rows, evenly apart
        """
        asked = without_none(since_elapsed_s=since_elapsed_s, max_points=max_points)
        path = job_path(job_id, "metrics")
        rows: list[DeviceMetrics] = self._transport.json(
            "GET", path, Page[response_models.ResponseModel], params=asked
        )["data"]
        return rows

    def log(
        self,
        job_id: str,
        *,
        attempt: int | None = None,
        offset: int | None = None,
        tail: int | None = None,
    ) -> LogPart:
        """What a job's trainers wrote: of all attempts, or of one from a place on.

        attempt  of this one only
        offset   from this byte of that attempt on; what `log` told of the part before
        tail     only the last so many lines
        """
        response = self._transport.file(
            job_path(job_id, "log"),
            "text/plain",
            params=without_none(attempt=attempt, offset=offset, tail=tail),
            timeout=DOWNLOAD_TIMEOUT,
        )
        try:
            place = int(response.headers["X-Log-Attempt"]), int(response.headers["X-Log-Offset"])
        except (KeyError, ValueError) as error:
            raise self._transport.unexpected_response("a log without its place") from error
        return LogPart(response.text, *place)
