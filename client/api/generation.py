"""What is asked of a model: a text that goes on, or how well it predicts one."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from client.api.resource import PATIENT, Resource, without_none
from client.http import response_models
from client.http.response_models import ResponseModel, mismatch
from client.http.transport import Transport
from client.records import Generation, Score

STREAMED: dict[str, type[ResponseModel]] = {
    "piece": response_models.Piece,
    "generation": response_models.Generation,
}


class GenerationOptions(TypedDict, total=False):
    """What may be said of a completion besides its prompt. None is as if it were left out."""

    job_id: str | None
    """The job to ask. Default: the newest that has a checkpoint."""
    model_id: str | None
    """The model from outside to ask, in place of a job."""
    checkpoint: str | int | None
    """`last`, `best` or a step, which counts updates done. Default: last."""
    max_new_tokens: int | None
    """Default: 50."""
    temperature: float | None
    """0 always takes the likeliest token. Default: 0."""
    top_k: int | None
    """Draw among the k likeliest tokens."""
    top_p: float | None
    """Draw among the fewest likeliest tokens that reach this total probability."""
    seed: int | None
    """Makes draws repeatable. Default: a new one, which the answer tells."""
    stop: str | list[str] | None
    """Texts before the first of which it ends."""
    logprobs: int | None
    """Tell of each token its probability, its rank, and so many of the likeliest (up to 20)."""


class TextStream(Iterator[str]):
    """A completion piece by piece, as it is made: iterate over it, once. Leaving its `with` statement, or
    closing it, ends the generation.

    generation  the whole record, once all pieces have come; None before
    """

    def __init__(self, transport: Transport, request: dict[str, Any]) -> None:
        self.generation: Generation | None = None
        self._transport = transport
        self._events = transport.events("POST", "/generate", json=request, timeout=PATIENT)

    def __next__(self) -> str:
        if self.generation is not None:
            raise StopIteration
        for name, data in self._events:
            if name not in STREAMED:
                continue  # of a later version
            if problem := mismatch(data, STREAMED[name]):
                raise self._transport.unexpected_response(f"what is no {STREAMED[name].title}: {problem}")
            if name == "generation":
                self.generation = data  # type: ignore[assignment]
                self.close()
                raise StopIteration
            return str(data["text"])
        raise self._transport.unexpected_response("a stream that ends in the middle")

    def close(self) -> None:
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Asking(Resource):
    """Prompts and texts, for a job's checkpoint or a model from outside; without either the newest job that
    has a checkpoint. Raises ApiError 404 without such a checkpoint, 503 if no worker answers in the service's
    time."""

    def generate(self, prompt: str, **options: Unpack[GenerationOptions]) -> Generation:
        """Complete a prompt; options as `GenerationOptions` has them, the service's defaults otherwise."""
        request = generation_request(prompt, options)
        return self._transport.json(
            "POST", "/generate", response_models.Generation, json=request, timeout=PATIENT
        )

    def stream(self, prompt: str, **options: Unpack[GenerationOptions]) -> TextStream:
        """Complete a prompt piece by piece, as the text is made; options as those of `generate`.

            for piece in pretrain.stream("Every effort moves you"):
                print(piece, end="", flush=True)

        The whole record is in the stream's `generation`, once all pieces have come.
        """
        return TextStream(self._transport, {**generation_request(prompt, options), "stream": True})

    def score(
        self,
        text: str,
        *,
        job_id: str | None = None,
        model_id: str | None = None,
        checkpoint: str | int | None = None,
    ) -> Score:
        """How well a model predicts a text: of each token its nats and its rank; of the whole the loss (nats
        per token), the perplexity and bits per byte.

        raises  ApiError 422 for a text that is too long, or empty
        """
        request = asked_of(text=text, job_id=job_id, model_id=model_id, checkpoint=checkpoint)
        return self._transport.json("POST", "/score", response_models.Score, json=request, timeout=PATIENT)


def generation_request(prompt: str, options: GenerationOptions) -> dict[str, Any]:
    return asked_of(prompt=prompt, **options)


def asked_of(**fields: Any) -> dict[str, Any]:
    """The request's body, in which a step is text as `last` is."""
    if fields.get("checkpoint") is not None:
        fields["checkpoint"] = str(fields["checkpoint"])
    return without_none(**fields)
