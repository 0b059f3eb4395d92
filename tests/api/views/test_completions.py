"""POST /v1/completions and GET /v1/models, asked by OpenAI's own client; a stand-in is the worker."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from flask.testing import FlaskClient

from api.http import problems
from jobs.broker.generation import (
    Begun,
    Failure,
    GenerationRequest,
    Message,
    Piece,
    ScoreRequest,
    Scores,
    deliver,
)
from jobs.broker.queue import make_redis
from jobs.broker.token_probs import LikelyToken, ScoredToken, TokenLogprob
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.api.conftest import generation_worker, generation_worker_that_falls_silent, take_next_request
from tests.api.seeds import checkpoint
from tests.api.server.serving import serving
from tests.jobs.making import queued_job, running_job
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.usefixtures("live_generation_worker")

Connect = Callable[..., openai.OpenAI]


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    """A job with checkpoints at steps 8 (the best) and 17 (the last)."""
    job = running_job(database, settings)
    checkpoint(database, job, step=8, val_loss=6.0)
    checkpoint(database, job, step=17, val_loss=6.5)
    return job


@pytest.fixture
def port(client: FlaskClient) -> Iterator[int]:
    """Of the API on the real server."""
    with serving(client.application) as served:
        yield served.port


@pytest.fixture
def ask(port: int) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"http://127.0.0.1:{port}/v1",
        api_key="any",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False, verify=False),
    ) as client:
        yield client


def token(text: str, logprob: float = -1.0, rank: int = 1) -> TokenLogprob:
    other = LikelyToken(token="x", bytes=(120,), logprob=-0.5)
    return TokenLogprob(token=text, bytes=tuple(text.encode()), logprob=logprob, rank=rank, top=(other,))


def piece(number: int, text: str, reason: Any = None, logprobs: Any = None, tokens: int = 0) -> Piece:
    return Piece(
        number=number,
        text=text,
        completion_tokens=tokens or number + 1,
        tokens_per_s=50.0,
        finish_reason=reason,
        logprobs=logprobs,
    )


def begun(prompt_tokens: int = 3, prompt_truncated: bool = False) -> Begun:
    return Begun(step=17, seed=7, prompt_tokens=prompt_tokens, prompt_truncated=prompt_truncated)


def named(request: GenerationRequest) -> list[Message]:
    """A completion that names what was asked."""
    prompt = request.prompt if request.token_ids is None else str(list(request.token_ids))
    return [begun(), piece(0, f" <{prompt}"), piece(1, f" {request.seed}>", "length")]


def answered_one(settings: Settings, *messages: Message) -> Any:
    return generation_worker(settings, lambda _: list(messages))


def test_a_prompt_is_completed(ask: openai.OpenAI, settings: Settings, job: Job) -> None:
    with generation_worker(settings, named) as requests:
        completion = ask.completions.create(model=job.id, prompt="Every", seed=1)
    assert requests == [
        GenerationRequest(
            job_id=job.id, checkpoint="last", prompt="Every", max_new_tokens=16, temperature=1, seed=1
        )
    ]
    assert (completion.object, completion.model) == ("text_completion", job.id)
    assert completion.id.startswith("cmpl-")
    [choice] = completion.choices
    assert (choice.index, choice.text, choice.finish_reason, choice.logprobs) == (
        0,
        " <Every 1>",
        "length",
        None,
    )
    assert completion.usage is not None
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (3, 2, 5)


def test_every_option_reaches_the_worker(ask: openai.OpenAI, settings: Settings, job: Job) -> None:
    with generation_worker(settings, named) as requests:
        ask.completions.create(
            model=f"{job.id}:8", prompt=[5, 6], max_tokens=9, temperature=0, top_p=0.5, stop=["\n", "."],
            seed=2**32 - 1, logprobs=3, extra_body={"top_k": 7}, suffix="", best_of=1, presence_penalty=0,
            frequency_penalty=0, logit_bias={}, user="somebody", echo=False,
        )  # fmt: skip
    assert requests == [
        GenerationRequest(
            job_id=job.id, checkpoint="8", token_ids=(5, 6), max_new_tokens=9, temperature=0, top_p=0.5,
            top_k=7, stop=["\n", "."], seed=2**32 - 1, logprobs=3,
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        (["one", "two"], ["one", "two"]),
        ([[1, 2], [3]], ["[1, 2]", "[3]"]),
        ([1, 2], ["[1, 2]"]),
        ("", [""]),
    ],
)
def test_each_prompt_gets_n_completions_of_seeds_that_follow_each_other(
    ask: openai.OpenAI, settings: Settings, job: Job, prompt: Any, shown: list[str]
) -> None:
    with generation_worker(settings, named, requests=2 * len(shown)):
        completion = ask.completions.create(model=job.id, prompt=prompt, n=2, seed=2**32 - 1)
    assert [(choice.index, choice.text) for choice in completion.choices] == [
        (2 * index + number, f" <{name} {seed}>")
        for index, name in enumerate(shown)
        for number, seed in enumerate([2**32 - 1, 0])
    ]
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 3 * len(shown)
    assert completion.usage.completion_tokens == 4 * len(shown)


def test_the_prompts_of_a_request_are_with_the_worker_side_by_side(
    ask: openai.OpenAI, settings: Settings, job: Job
) -> None:
    redis = make_redis(settings)

    def answer() -> None:
        taken = [take_next_request(settings, redis) for _ in range(3)]
        for request_id, request in reversed(taken):
            assert isinstance(request, GenerationRequest)
            deliver(redis, "stand-in", {request_id: named(request)})

    worker = threading.Thread(target=answer)
    worker.start()
    completion = ask.completions.create(model=job.id, prompt=["a", "b", "c"], seed=1)
    worker.join()
    assert [choice.text for choice in completion.choices] == [" <a 1>", " <b 1>", " <c 1>"]


def test_a_stream_has_chunks_of_every_choice_and_the_usage_last(
    ask: openai.OpenAI, settings: Settings, job: Job
) -> None:
    with generation_worker(settings, named, requests=2):
        stream = ask.completions.create(
            model=job.id, prompt="Every", n=2, seed=1, stream=True, stream_options={"include_usage": True}
        )
        *chunks, last = list(stream)
    for index, seed in enumerate((1, 2)):
        mine = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == index]
        assert [choice.text for choice in mine] == [" <Every", f" {seed}>"]
        assert [choice.finish_reason for choice in mine] == [None, "length"]
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (3, 4)
    assert len({chunk.id for chunk in [*chunks, last]}) == 1


def test_a_stream_without_usage_ends_with_its_last_choice(port: int, settings: Settings, job: Job) -> None:
    with generation_worker(settings, named):
        body = {"model": job.id, "prompt": "a", "stream": True}
        response = httpx2.post(
            f"http://127.0.0.1:{port}/v1/completions",
            json=body,
            timeout=PATIENCE_S,
            trust_env=False,
            verify=False,
        )
    assert response.headers["Content-Type"].startswith("text/event-stream")
    *_, last_choice, done, _ = response.text.split("\n\n")
    assert '"finish_reason": "length"' in last_choice
    assert done == "data: [DONE]"


def test_logprobs_stand_where_their_tokens_do(ask: openai.OpenAI, settings: Settings, job: Job) -> None:
    half = TokenLogprob(token="\ufffd", bytes=(0xC3,), logprob=-2.0, rank=2, top=())
    rest = TokenLogprob(token="\ufffd", bytes=(0xA9,), logprob=-3.0, rank=3, top=())
    messages = [
        begun(),
        piece(0, " a", logprobs=(token(" a"),)),
        piece(1, "é!", "length", logprobs=(half, rest, token("!")), tokens=4),
    ]
    with answered_one(settings, *messages):
        [choice] = ask.completions.create(model=job.id, prompt="p", logprobs=1).choices
    logprobs = choice.logprobs
    assert logprobs is not None
    assert choice.text == " aé!"
    assert logprobs.tokens == [" a", "bytes:\\xc3", "bytes:\\xa9", "!"]
    assert logprobs.token_logprobs == [-1.0, -2.0, -3.0, -1.0]
    assert logprobs.text_offset == [0, 2, 2, 3]
    assert logprobs.top_logprobs == [
        {"x": -0.5, " a": -1.0},
        {"bytes:\\xc3": -2.0},
        {"bytes:\\xa9": -3.0},
        {"x": -0.5, "!": -1.0},
    ]


def test_the_tokens_of_a_stop_string_are_left_out_with_it(
    ask: openai.OpenAI, settings: Settings, job: Job
) -> None:
    messages = [
        begun(),
        piece(0, "a b", logprobs=(token("a"), token(" b E"))),
        piece(1, "", "stop", logprobs=(token("N"), token("D")), tokens=4),
    ]
    with answered_one(settings, *messages):
        completion = ask.completions.create(model=job.id, prompt="p", logprobs=0, stop=" END")
    [choice] = completion.choices
    assert choice.logprobs is not None
    assert (choice.text, choice.finish_reason, choice.logprobs.tokens) == ("a b", "stop", ["a", " b E"])
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 4


def scored(texts: list[str]) -> list[Message]:
    other = LikelyToken(token="x", bytes=(120,), logprob=-0.5)
    first, *others = texts
    tokens = (
        ScoredToken(token=first, bytes=tuple(first.encode())),
        *(
            ScoredToken(token=text, bytes=tuple(text.encode()), nats=2.0, rank=2, top=(other,))
            for text in others
        ),
    )
    return [Scores(number=0, step=17, tokens=tokens, is_last=True)]


def score_or_continue(request: Any) -> list[Message]:
    if isinstance(request, ScoreRequest):
        return scored(["Ev", "er"])
    return [begun(2), piece(0, "y", "length", logprobs=None if request.logprobs is None else (token("y"),))]


@pytest.mark.parametrize("prompt", ["Ever", [7, 8]])
@pytest.mark.parametrize("stream", [False, True])
def test_echo_with_logprobs_shows_those_of_the_prompt(
    ask: openai.OpenAI, settings: Settings, job: Job, prompt: Any, stream: bool
) -> None:
    with generation_worker(settings, score_or_continue, requests=2) as requests:
        answer: Any = ask.completions.create(
            model=job.id, prompt=prompt, echo=True, logprobs=1, max_tokens=1, stream=stream
        )
        choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
    fields = {"text": "Ever"} if prompt == "Ever" else {"token_ids": (7, 8)}
    assert requests[0] == ScoreRequest(kind="score", job_id=job.id, checkpoint="last", top=1, **fields)
    assert "".join(choice.text for choice in choices) == "Every"
    all_of = {
        name: [each for choice in choices for each in getattr(choice.logprobs, name)]
        for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    }
    assert all_of == {
        "tokens": ["Ev", "er", "y"],
        "token_logprobs": [None, -2.0, -1.0],
        "top_logprobs": [None, {"x": -0.5, "er": -2.0}, {"x": -0.5, "y": -1.0}],
        "text_offset": [0, 2, 4],
    }


def test_a_prompt_alone_can_be_scored(ask: openai.OpenAI, settings: Settings, job: Job) -> None:
    with generation_worker(settings, score_or_continue) as requests:
        completion = ask.completions.create(model=job.id, prompt="Ever", echo=True, logprobs=1, max_tokens=0)
    assert len(requests) == 1
    [choice] = completion.choices
    assert choice.logprobs is not None
    assert (choice.text, choice.finish_reason, choice.logprobs.tokens) == ("Ever", "length", ["Ev", "er"])
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (2, 0)


def test_echo_of_a_text_alone_asks_for_no_score(ask: openai.OpenAI, settings: Settings, job: Job) -> None:
    with generation_worker(settings, score_or_continue) as requests:
        [choice] = ask.completions.create(model=job.id, prompt="Ever", echo=True).choices
    assert isinstance(requests[0], GenerationRequest)
    assert (choice.text, choice.logprobs) == ("Every", None)


def test_a_prompt_that_was_cut_is_said_to_be(ask: openai.OpenAI, settings: Settings, job: Job) -> None:
    with answered_one(settings, begun(prompt_truncated=True), piece(0, "a", "length")):
        completion = ask.completions.create(model=job.id, prompt="p")
    assert completion.model_extra is not None
    assert completion.model_extra["prompt_truncated"] is True


def test_the_time_limit_is_a_length(
    client: FlaskClient, settings: Settings, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    with generation_worker_that_falls_silent(settings, monkeypatch, begun(), piece(0, " know")):
        response = client.post("/v1/completions", json={"model": job.id, "prompt": "I"})
    [choice] = response.get_json()["choices"]
    assert (choice["text"], choice["finish_reason"]) == (" know", "length")


@pytest.mark.parametrize(
    ("cause", "kind", "status"),
    [
        ("not_found", openai.NotFoundError, 404),
        ("invalid", openai.BadRequestError, 400),
        ("unavailable", openai.InternalServerError, 503),
        ("internal", openai.InternalServerError, 500),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_of_the_worker_is_openais_error(
    ask: openai.OpenAI, settings: Settings, job: Job, cause: Any, kind: Any, status: int, stream: bool
) -> None:
    with (
        answered_one(settings, begun(), Failure(cause=cause, reason="it went wrong")),
        pytest.raises(kind, match="it went wrong") as failed,
    ):
        ask.completions.create(model=job.id, prompt="p", stream=stream)
    assert failed.value.status_code == status
    assert failed.value.param == ("prompt" if cause == "invalid" else None)
    assert failed.value.type == ("server_error" if status >= 500 else "invalid_request_error")


def test_a_failure_after_the_first_chunk_breaks_the_stream_with_an_error(
    ask: openai.OpenAI, settings: Settings, job: Job
) -> None:
    failure = Failure(cause="unavailable", reason="it went wrong")
    with answered_one(settings, begun(), piece(0, " kn"), failure):
        stream = ask.completions.create(model=job.id, prompt="p", stream=True)
        assert next(stream).choices[0].text == " kn"
        with pytest.raises(openai.APIError, match="it went wrong") as failed:
            next(stream)
    assert failed.value.type == "server_error"
    assert list(make_redis(settings).scan_iter("pretrain:*")) == []


def test_a_stream_that_the_client_breaks_stops_the_work_of_every_choice(
    ask: openai.OpenAI, settings: Settings, job: Job
) -> None:
    redis = make_redis(settings)
    ids: list[str] = []

    def answer() -> None:
        ids.extend(take_next_request(settings, redis)[0] for _ in range(2))
        deliver(redis, "stand-in", {ids[0]: [begun(), piece(0, " kn")], ids[1]: [begun()]})

    worker = threading.Thread(target=answer)
    worker.start()
    stream = ask.completions.create(model=job.id, prompt="p", n=2, stream=True)
    next(stream)
    worker.join()
    stream.close()
    wait_until(lambda: deliver(redis, "stand-in", {i: [] for i in ids}) == set(ids), "nobody waited")
    assert list(redis.scan_iter("pretrain:*")) == []


def test_a_client_tries_again_after_a_503(
    ask: openai.OpenAI, settings: Settings, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "RETRY_AFTER_S", 0)
    replies = iter([[Failure(cause="unavailable", reason="the worker is shutting down")], None])
    with generation_worker(settings, lambda request: next(replies) or named(request), requests=2):
        completion = ask.with_options(max_retries=1).completions.create(model=job.id, prompt="p", seed=1)
    assert completion.choices[0].text == " <p 1>"


def test_every_checkpoint_is_a_model(
    ask: openai.OpenAI, database: Database, settings: Settings, job: Job
) -> None:
    newer = running_job(database, settings)
    checkpoint(database, newer, step=3)
    queued_job(database, settings)
    models = list(ask.models.list())
    assert [model.id for model in models] == [
        newer.id, f"{newer.id}:best", f"{newer.id}:3",
        job.id, f"{job.id}:best", f"{job.id}:17", f"{job.id}:8",
    ]  # fmt: skip
    assert {(model.object, model.owned_by) for model in models} == {("model", "pretrain")}
    for model in models:
        assert ask.models.retrieve(model.id) == model
    assert ask.models.retrieve(f"{job.id}:last").created == ask.models.retrieve(job.id).created


@pytest.mark.parametrize(
    "name", ["job-0", "{job}:9", "{job}:newest", "{job}:", ":best", "{job}:8:9", "gpt-4"]
)
def test_a_model_that_is_not_there_is_not_found(ask: openai.OpenAI, job: Job, name: str) -> None:
    model = name.format(job=job.id)
    for call in (lambda: ask.models.retrieve(model), lambda: ask.completions.create(model=model, prompt="p")):
        with pytest.raises(openai.NotFoundError, match="does not exist") as failed:
            call()
        assert (failed.value.code, failed.value.param, failed.value.type) == (
            "model_not_found",
            "model",
            "invalid_request_error",
        )


def error_of(response: Any) -> dict[str, Any]:
    assert response.mimetype == "application/json"
    document = response.get_json()
    assert set(document) == {"error"}
    assert set(document["error"]) == {"message", "type", "param", "code"}
    error: dict[str, Any] = document["error"]
    return error


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"model": None}, "model", "must be a string"),
    ({"model": ""}, "model", "must not be empty"),
    ({"prompt": 7}, "prompt", "must be a string, a list of strings"),
    ({"prompt": []}, "prompt", "must not be empty"),
    ({"prompt": [[]]}, "prompt", "must be a string, a list of strings"),
    ({"prompt": [1, "a"]}, "prompt", "must be a string, a list of strings"),
    ({"prompt": [True]}, "prompt", "must be a string, a list of strings"),
    ({"prompt": [-1]}, "prompt", "must be a string, a list of strings"),
    ({"prompt": ["a"] * 129}, "prompt", "at most 128"),
    ({"prompt": "a\0"}, "prompt", "NUL"),
    ({"prompt": "a" * 1_000_001}, "prompt", "at most 1,000,000 characters"),
    ({"max_tokens": -1}, "max_tokens", "at least 0"),
    ({"max_tokens": "9"}, "max_tokens", "must be an integer"),
    ({"temperature": -0.1}, "temperature", "at least 0"),
    ({"top_p": 1.1}, "top_p", "at most 1"),
    ({"n": 0}, "n", "at least 1"),
    ({"n": 65, "prompt": ["a", "b"]}, "n", "at most 128"),
    ({"stop": ["a"] * 17}, "stop", "at most 16"),
    ({"stop": [""]}, "stop", "1 to 1,000"),
    ({"stop": [7]}, "stop", "a string or a list of strings"),
    ({"seed": 2**32}, "seed", "at most 4,294,967,295"),
    ({"logprobs": 6}, "logprobs", "at most 5"),
    ({"echo": 1}, "echo", "true or false"),
    ({"stream_options": {"include_usage": True}}, "stream_options", "needs stream"),
    ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage", "true or"),
    ({"suffix": "x"}, "suffix", "not supported"),
    ({"best_of": 3, "n": 2}, "best_of", "not supported"),
    ({"logit_bias": {"50256": -100}}, "logit_bias", "not supported"),
    ({"presence_penalty": 0.5}, "presence_penalty", "not supported"),
    ({"frequency_penalty": -0.5}, "frequency_penalty", "not supported"),
    ({"top_k": 0}, "top_k", "at least 1"),
]


@pytest.mark.parametrize(("fields", "param", "message"), WRONG)
def test_a_wrong_field_is_named_with_what_would_be_right(
    client: FlaskClient, job: Job, fields: dict[str, Any], param: str, message: str
) -> None:
    response = client.post("/v1/completions", json={"model": job.id, "prompt": "p", **fields})
    error = error_of(response)
    assert (response.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert message in error["message"]
    assert len(error["message"]) < 1000


def test_every_wrong_field_is_named_in_the_message(bare_client: FlaskClient) -> None:
    message = error_of(bare_client.post("/v1/completions", json={"n": 0, "logprobs": 9}))["message"]
    for named_field in (
        "model: must be given",
        "n: must be at least 1 (got 0)",
        "logprobs: must be at most 5",
    ):
        assert named_field in message


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/v1", {}, 404),
        ("GET", "/v1/engines", {}, 404),
        ("POST", "/v1/chat/completions", {"json": {}}, 404),
        ("GET", "/v1/completions", {}, 405),
        ("DELETE", "/v1/models/job-1", {}, 405),
        ("POST", "/v1/completions", {"data": b"{", "content_type": "application/json"}, 400),
        ("POST", "/v1/completions", {"data": b"", "content_type": "application/json"}, 400),
        ("POST", "/v1/completions", {"json": []}, 400),
        ("POST", "/v1/completions", {"data": b"{}", "content_type": "text/plain"}, 415),
        ("POST", "/v1/completions", {"json": {"prompt": "x" * 2**20}}, 413),
        ("GET", "/v1/models", {"headers": {"Host": "elsewhere.example"}}, 421),
        ("GET", "/v1/models", {"headers": {"Origin": "http://elsewhere.example"}}, 403),
        ("GET", "/v1/models", {}, 503),
    ],
)
def test_every_error_below_v1_is_openais_object(
    bare_client: FlaskClient, method: str, path: str, options: Any, status: int
) -> None:
    response = bare_client.open(path, method=method, **options)
    assert response.status_code == status
    error = error_of(response)
    assert error["message"]
    assert error["type"] == {403: "permission_error", 503: "server_error"}.get(
        status, "invalid_request_error"
    )
    assert ("Allow" in response.headers) is (status == 405)
    assert ("Retry-After" in response.headers) is (status == 503)


def test_what_the_server_itself_refuses_below_v1_is_openais_object_too(port: int) -> None:
    response = httpx2.post(
        f"http://127.0.0.1:{port}/v1/completions",
        content=b"x" * (2**20 + 1),
        headers={"Content-Type": "application/json"},
        timeout=PATIENCE_S,
        trust_env=False,
        verify=False,
    )
    assert response.status_code == 413
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_path_that_only_begins_like_v1_has_problems(bare_client: FlaskClient) -> None:
    assert bare_client.get("/v10").mimetype == "application/problem+json"


def test_what_openai_does_not_define_is_ignored(client: FlaskClient, settings: Settings, job: Job) -> None:
    body = {"model": job.id, "prompt": "p", "seed": 1, "reasoning": {"effort": "high"}, "store": True}
    with generation_worker(settings, named):
        response = client.post("/v1/completions?api-version=1", json=body)
    assert response.status_code == 200
    assert client.get("/v1/models?limit=3", data=b"anything").status_code == 200


def test_a_prompt_of_many_tokens_is_taken(client: FlaskClient, settings: Settings, job: Job) -> None:
    with answered_one(settings, begun(), piece(0, "a", "length")):
        response = client.post("/v1/completions", json={"model": job.id, "prompt": list(range(20_000))})
    assert response.status_code == 200
