"""The API on its real server before the whole generation worker, asked by OpenAI's client and by httpx2."""

import json
import shutil
import threading
from types import SimpleNamespace

import httpx2
import openai
import pytest

from api.app import create_app
from api.services import EXTENSION
from jobs.broker.queue import GENERATE_QUEUE, make_celery, make_redis
from jobs.files.layout import tokenizers_directory
from jobs.files.tokenizers import find_tokenizer
from jobs.lifecycle.submission import submit
from jobs.spec.parsing import parse_spec
from tests.api.server.serving import serving
from tests.jobs.making import announce_worker, ready_tokenizer
from tests.small import small_spec
from tests.waiting import PATIENCE_S, wait_until
from worker.generation.task import Intake

pytestmark = pytest.mark.slow

PROMPT = "the qu"
"""Within the context of 8 tokens with 2 more."""


@pytest.fixture
def intake(settings, database, on_cpu):
    """The worker, which takes what is published."""
    heartbeat = SimpleNamespace(worker_id="generate-1", set_job=lambda _: None, warmed_up=lambda: None)
    with make_redis(settings) as redis, make_celery(settings).connection_for_read() as connection:
        intake = Intake(settings, database, redis, heartbeat)
        closed = threading.Event()

        def take_all():
            queue = connection.SimpleQueue(GENERATE_QUEUE)
            while not closed.is_set():
                try:
                    message = queue.get(timeout=0.1)
                except queue.Empty:
                    continue
                message.ack()
                intake.take(message.payload[0][0])

        thread = threading.Thread(target=take_all)
        thread.start()
        yield intake
        closed.set()
        thread.join()
        intake.close()
        intake.join()


@pytest.fixture
def http(settings, database, intake, write):
    """A client of the API, for a job that has a checkpoint."""
    write(1)
    announce_worker(database, GENERATE_QUEUE)
    app = create_app(settings.model_copy(update={"generate_timeout_s": PATIENCE_S}))
    with (
        serving(app) as served,
        httpx2.Client(
            base_url=f"http://127.0.0.1:{served.port}", timeout=PATIENCE_S, trust_env=False, verify=False
        ) as client,
    ):
        yield client
    app.extensions[EXTENSION].database.close()


@pytest.fixture
def completions(http):
    url = http.base_url.join("/v1")
    with openai.OpenAI(
        base_url=url, api_key="any", http_client=openai.DefaultHttpxClient(trust_env=False, verify=False)
    ) as client:
        yield client.completions


def test_completions_are_the_generations_of_the_same_seeds(http, completions, job):
    options = {"model": job.id, "prompt": [PROMPT, "fox"], "n": 2, "seed": 5, "max_tokens": 20}
    whole = completions.create(**options)
    streamed = ["", "", "", ""]
    for chunk in completions.create(**options, stream=True):
        [choice] = chunk.choices
        streamed[choice.index] += choice.text
    alone = [
        http.post(
            "/generate", json={"prompt": prompt, "seed": seed, "max_new_tokens": 20, "temperature": 1}
        ).json()
        for prompt in (PROMPT, "fox")
        for seed in (5, 6)
    ]
    assert [choice.text for choice in whole.choices] == streamed == [each["completion"] for each in alone]
    assert whole.usage.completion_tokens == sum(each["completion_tokens"] for each in alone)
    assert whole.usage.prompt_tokens == len(PROMPT) + len("fox")


def test_a_prompt_as_tokens_is_completed_as_its_text(completions, job):
    options = {"model": f"{job.id}:1", "seed": 5, "max_tokens": 12}
    as_text = completions.create(**options, prompt=PROMPT)
    as_tokens = completions.create(**options, prompt=list(PROMPT.encode()))
    assert as_tokens.choices == as_text.choices


def test_a_token_that_the_vocabulary_lacks_is_refused(completions, job):
    for options in ({}, {"echo": True, "logprobs": 0}):
        with pytest.raises(openai.BadRequestError, match=r"below 257, not 300") as failed:
            completions.create(model=job.id, prompt=[116, 300], **options)
        assert failed.value.param == "prompt"


def test_echoed_logprobs_are_the_score_of_the_text(http, completions, job):
    [choice] = completions.create(
        model=job.id, prompt=PROMPT, echo=True, logprobs=2, max_tokens=2, seed=3
    ).choices
    text = choice.text
    assert text.isascii()
    score = http.post("/score", json={"text": text}).json()
    assert choice.logprobs.tokens == [each["token"] for each in score["tokens"]] == list(text)
    assert choice.logprobs.token_logprobs[0] is score["tokens"][0]["nats"] is None
    assert choice.logprobs.token_logprobs[1:] == pytest.approx(
        [-each["nats"] for each in score["tokens"][1:]], abs=1e-3
    )
    assert choice.logprobs.text_offset == list(range(len(text)))
    assert score["loss"] == pytest.approx(
        -sum(choice.logprobs.token_logprobs[1:]) / (len(text) - 1), abs=1e-3
    )


def test_a_streamed_generation_is_the_whole_one(http, job):
    options = {"prompt": PROMPT, "seed": 5, "max_new_tokens": 30, "temperature": 1, "logprobs": 1}
    whole = http.post("/generate", json=options).json()
    response = http.post("/generate", json={**options, "stream": True})
    data = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    *pieces, record = map(json.loads, data)
    assert "".join(piece["text"] for piece in pieces) == record["completion"] == whole["completion"]
    assert [each for piece in pieces for each in piece["logprobs"]] == record["logprobs"] == whole["logprobs"]


def test_a_client_that_breaks_its_stream_leaves_no_work(completions, intake, settings, job):
    stream = completions.create(
        model=job.id, prompt="the", max_tokens=10_000, n=2, stream=True, extra_body={"top_k": 100}
    )
    next(stream)
    stream.close()
    wait_until(lambda: not intake.batcher._requests, "nothing was left to compute")
    with make_redis(settings) as redis:
        wait_until(lambda: not list(redis.scan_iter("pretrain:*")), "nothing was left in Redis")


@pytest.mark.slow
def test_a_job_trains_on_a_tokenizer_of_ones_own_and_answers_without_the_tokenizers_folder(
    settings, database, http, completions, attempt
):
    tokenizer = ready_tokenizer(database, settings, vocab_size=400)
    spec = small_spec(tokenizer=tokenizer.id, training={"max_steps": 3}, dataset="sample")
    job, _ = submit(database, settings, parse_spec(spec))
    attempt(job).join()
    record = http.get(f"/jobs/{job.id}").json()
    assert (record["status"], record["error"]) == ("succeeded", None)
    (sample,) = http.get(f"/jobs/{job.id}/samples").json()["data"]
    ours = find_tokenizer(database, settings, tokenizer.id)
    shutil.rmtree(tokenizers_directory(settings.artifacts))
    prompt = "Every effort moves you"
    answer = http.post("/generate", json={"job_id": job.id, "prompt": prompt, "max_new_tokens": 5}).json()
    assert answer["prompt_tokens"] == len(ours.encode(prompt)) < len(prompt)
    assert answer["text"] == sample["text"]
    score = http.post("/score", json={"job_id": job.id, "text": prompt}).json()
    assert [token["token"] for token in score["tokens"]] == [ours.decode([i]) for i in ours.encode(prompt)]
    as_text, as_tokens = (
        completions.create(model=job.id, prompt=each, max_tokens=5, temperature=0)
        for each in (prompt, ours.encode(prompt))
    )
    assert as_text.choices[0].text == as_tokens.choices[0].text == answer["completion"]
    with pytest.raises(openai.BadRequestError, match=r"below 400, not 400"):
        completions.create(model=job.id, prompt=[400])
