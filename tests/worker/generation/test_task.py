"""The whole generation worker but Celery: prompts taken from Redis, computed, and answered through it."""

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
from sqlalchemy.exc import OperationalError

from jobs.broker.generation import GenerationRequest, ScoreRequest, redis_keys, take_request
from jobs.broker.iteration import result_of
from jobs.broker.queue import make_redis
from jobs.broker.replies import GenerationReply, NoAnswer, RequestFailed
from jobs.broker.requester import Abandoned, Requester, request_generations, request_scores
from jobs.lifecycle.model_imports import delete_model
from model.manifest import WEIGHTS
from model.tokenizers import ByteTokenizer, load_tokenizer
from tests.gpt2_files import write_model
from tests.imported import imported_model
from tests.jobs.process.test_panics import panic
from tests.model.completions import complete
from tests.waiting import PATIENCE_S, wait_until
from tests.worker.generation.shelf import BYTES
from worker.generation.task import Intake

LONG = {"max_new_tokens": 10_000}


class Endless(ByteTokenizer):
    """Has no token that ends a text."""

    end_of_text = 1000

    def decode_bytes(self, ids):
        return bytes(id % 256 for id in ids)


@pytest.fixture
def endless(monkeypatch):
    monkeypatch.setattr("model.manifest.load_tokenizer", lambda name: Endless())


class FakeCelery:
    """Whatever is published is taken at once, in a thread."""

    def __init__(self, intake):
        self.intake = intake

    def send_task(self, name, args, **_):
        threading.Thread(target=self.intake.take, args=args).start()


@pytest.fixture
def redis(settings):
    with make_redis(settings) as client:
        yield client


@pytest.fixture
def intake(settings, database, redis, on_cpu):
    heartbeat = SimpleNamespace(worker_id="generate-1", set_job=lambda _: None, warmed_up=lambda: None)
    intake = Intake(settings, database, redis, heartbeat)
    yield intake
    intake.close()
    intake.join()


@pytest.fixture
def asked(intake, redis, job):
    """Asks and waits for the answer."""

    def asked(prompt="the", gone=lambda: False, timeout_s=PATIENCE_S, **options):
        request = GenerationRequest(**{"job_id": job.id} | options, prompt=prompt)
        pieces = request_generations(FakeCelery(intake), redis, [request], timeout_s, gone)
        while True:
            try:
                next(pieces)
            except StopIteration as end:
                return end.value[0]

    return asked


def test_a_prompt_is_answered_with_what_the_model_gives(asked, write, job, models):
    write(1)
    model = models.load(models.find(job.id, "last"))
    options = {"max_new_tokens": 20, "seed": 3}
    expected = complete(model.gpt, BYTES, "the", engine=model.make_engine(), **options)
    answer = asked(**options)
    assert (answer.completion, answer.completion_tokens) == (expected.completion, expected.completion_tokens)
    assert (answer.checkpoint, answer.seed, answer.finish_reason) == (1, 3, expected.finish_reason)


def test_logprobs_tell_of_each_token_its_text_and_how_likely_it_was(asked, write, job, models):
    write(1)
    answer = asked(max_new_tokens=20, seed=3, temperature=1.0, logprobs=3)
    plain = asked(max_new_tokens=20, seed=3, temperature=1.0)
    assert (answer.completion, plain.logprobs) == (plain.completion, None)
    assert len(answer.logprobs) == answer.completion_tokens
    assert bytes(byte for each in answer.logprobs for byte in each.bytes).decode(errors="replace") == (
        answer.completion
    )
    for each in answer.logprobs:
        assert each.token == bytes(each.bytes).decode(errors="replace")
        assert len(each.top) == 3
        if each.rank <= 3:
            assert each.top[each.rank - 1].logprob == each.logprob
        else:
            assert each.logprob <= each.top[-1].logprob


@pytest.fixture
def scored(intake, redis, job):
    """Has a text scored, and waits for it."""

    def scored(text, timeout_s=PATIENCE_S, gone=lambda: False, **options):
        request = ScoreRequest(**{"job_id": job.id} | options, kind="score", text=text)
        return request_scores(FakeCelery(intake), redis, [request], timeout_s, gone)[0]

    return scored


def test_a_score_says_of_a_generations_tokens_what_their_logprobs_say(asked, scored, write, redis):
    write(1)
    answer = asked("the qu", max_new_tokens=2, seed=3, logprobs=0)  # within the context of 8
    assert answer.completion.isascii()
    score = scored("the qu" + answer.completion)
    assert score.checkpoint == 1
    assert [-token.nats for token in score.tokens[-answer.completion_tokens :]] == pytest.approx(
        [each.logprob for each in answer.logprobs], abs=1e-3
    )
    assert list(redis.scan_iter("pretrain:*")) == []


@pytest.fixture
def imported(settings, database, tmp_path):
    """The id of a random model from outside that is ready."""
    return imported_model(database, settings, write_model(tmp_path / "model")).id


@pytest.mark.slow
def test_a_model_from_outside_scores_as_transformers_does(scored, imported, tmp_path):
    from transformers import GPT2LMHeadModel

    theirs = GPT2LMHeadModel.from_pretrained(tmp_path / "model").eval()
    text = "the quick brown"  # 15 of its context of 16
    with torch.no_grad():
        logits = theirs(torch.tensor([BYTES.encode(text)])).logits[0]
    expected = torch.nn.functional.cross_entropy(
        logits[:-1], torch.tensor(BYTES.encode(text)[1:]), reduction="none"
    )
    score = scored(text, job_id=None, model_id=imported)
    assert [token.nats for token in score.tokens[1:]] == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_model_from_outside_continues_a_prompt_until_it_is_deleted(asked, imported, models, database):
    model = models.load(models.find(imported, "last"))
    expected = complete(model.gpt, BYTES, "the", engine=model.make_engine(), max_new_tokens=20, seed=3)
    answer = asked(max_new_tokens=20, seed=3, job_id=None, model_id=imported)
    assert answer.completion == expected.completion
    with database.write() as session:
        delete_model(session, imported)
    with pytest.raises(RequestFailed, match=f"no model '{imported}'") as gone:
        asked(job_id=None, model_id=imported)
    assert gone.value.cause == "not_found"


def test_a_damaged_model_from_outside_is_told_without_a_path(asked, imported, settings):
    (settings.artifacts / "models" / imported / "attempt-1" / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(RequestFailed, match=f"^the model {imported} is damaged$"):
        asked(job_id=None, model_id=imported)


def test_a_text_of_too_many_tokens_is_refused_with_the_limit(scored, write, intake):
    write(1)
    intake._max_score_tokens = 10
    assert len(scored("x" * 10).tokens) == 10
    with pytest.raises(RequestFailed, match=r"at most 10 tokens .* not 11$") as failed:
        scored("x" * 11)
    assert failed.value.cause == "invalid"


def test_a_score_that_takes_too_long_is_given_up(scored, write, intake, redis):
    write(1)
    scored("the fox")  # so that the model is loaded
    intake._max_score_tokens = 2**20
    with pytest.raises(NoAnswer, match="no generation worker scored the text within 1 s"):
        scored("x" * 2**20, timeout_s=1)
    wait_until(lambda: not intake.batcher._requests, "nothing was left to compute")
    assert list(redis.scan_iter("pretrain:*")) == []


def test_a_score_whose_client_hangs_up_is_given_up(scored, write, intake, redis):
    write(1)
    intake._max_score_tokens = 2**20
    gone = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(scored, "x" * 2**20, gone=gone.is_set)
        wait_until(lambda: intake.batcher._requests, "it was taken")
        gone.set()
        assert isinstance(asking.exception(), Abandoned)
    wait_until(lambda: not intake.batcher._requests, "nothing was left to compute")


def test_the_newest_checkpoint_is_asked_while_a_job_replaces_them_as_fast_as_it_can(
    asked, write, job, settings, database
):
    """The issue's case: every step is a checkpoint, one is kept, and the prompts have to wait."""
    write(1)
    stop = threading.Event()

    def train():
        step = 1
        while not stop.is_set():
            step += 1
            write(step)

    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda n: asked(max_new_tokens=n + 1), range(12)))
    finally:
        stop.set()
        trainer.join()
    assert all(answer.completion_tokens for answer in answers)
    assert all(answer.checkpoint >= 1 for answer in answers)


@pytest.mark.parametrize("name", ["last", "best"])
def test_what_is_not_there_is_not_found(asked, write, job, name):
    write(1)
    for options in ({"job_id": "job-0"}, {"checkpoint": "7"}):
        with pytest.raises(RequestFailed) as failed:
            asked(**{"checkpoint": name} | options)
        assert failed.value.cause == "not_found"
    assert asked(checkpoint=name, max_new_tokens=1).completion_tokens <= 1


def test_a_prompt_on_which_native_code_panics_fails_at_once_and_alone(asked, write, monkeypatch):
    write(1)
    real = load_tokenizer("bytes")

    class Panicking:
        def __getattr__(self, name):
            return getattr(real, name)

        def encode(self, text):
            return panic() if text == "panic" else real.encode(text)

    monkeypatch.setattr("model.manifest.load_tokenizer", lambda name: Panicking())
    with ThreadPoolExecutor(6) as pool:
        good = [pool.submit(asked, max_new_tokens=30) for _ in range(5)]
        bad = pool.submit(asked, "panic")
        with pytest.raises(RequestFailed, match="NativePanic") as failed:
            bad.result()
        assert failed.value.cause == "internal"
        assert len({each.result().completion for each in good}) == 1
    assert asked(max_new_tokens=1)


def test_a_damaged_file_fails_what_asks_for_it_without_a_path(asked, write, settings, database, job):
    folder = settings.artifacts / write(1)
    (folder / WEIGHTS).write_bytes(b"x" * 100)
    with pytest.raises(RequestFailed) as failed:
        asked()
    assert str(failed.value) == f"the checkpoint of step 1 of job {job.id} is damaged"
    assert failed.value.cause == "unavailable"
    write(2)
    assert asked(max_new_tokens=1).checkpoint == 2


def test_a_database_that_is_away_is_told_at_once(asked, write, intake, monkeypatch):
    write(1)

    def read():
        raise OperationalError("SELECT", {}, Exception("/srv/secret"))

    with monkeypatch.context() as patch:
        patch.setattr(intake._models._database, "read", read)
        with pytest.raises(RequestFailed, match=r"^the database does not answer$") as failed:
            asked()
    assert failed.value.cause == "unavailable"
    assert asked(max_new_tokens=1)


def test_a_request_of_another_version_is_told_so(intake, redis):
    redis.set(redis_keys("generation-1")[0], '{"promt": "the"}')
    intake.take("generation-1")
    message = redis.blpop([redis_keys("generation-1")[2]], timeout=PATIENCE_S)
    assert "another version" in message[1]


def test_fifty_clients_that_hang_up_at_once_leave_no_work_and_nothing_in_redis(
    asked, write, intake, redis, endless
):
    write(1)
    gone = threading.Event()
    with ThreadPoolExecutor(50) as pool:
        asking = [pool.submit(asked, gone=gone.is_set, **LONG) for _ in range(50)]
        wait_until(lambda: len(intake.batcher._requests) == 50, "all were taken")
        gone.set()
        for each in asking:
            assert isinstance(each.exception(), Abandoned)
    wait_until(lambda: not intake.batcher._requests, "nothing was left to compute")
    wait_until(lambda: not intake.delivery._unsent, "nothing was left to send")
    assert list(redis.scan_iter("pretrain:*")) == []
    assert asked(max_new_tokens=1)


def test_the_time_limit_ends_the_work(asked, write, intake, redis, endless, job):
    write(1)
    asked(max_new_tokens=1)  # so that all is compiled and loaded
    reply = GenerationReply(GenerationRequest(job_id=job.id, **LONG))
    requester = Requester(FakeCelery(intake), redis, [reply], PATIENCE_S, lambda: False)
    pieces = requester.run()
    assert next(pieces).piece.text
    requester.deadline_s = time.monotonic()  # the time is over once there is something, not before
    [answer] = result_of(pieces)
    assert answer.finish_reason == "timeout"
    assert 0 < answer.completion_tokens < 10_000
    wait_until(lambda: not intake.batcher._requests, "nothing was left to compute")
    assert list(redis.scan_iter("pretrain:*")) == []


def test_a_worker_that_shuts_down_says_so_and_leaves_new_prompts_to_others(
    asked, write, intake, redis, endless
):
    write(1)
    asked(max_new_tokens=1)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(asked, **LONG)
        wait_until(lambda: intake.batcher._requests, "it was taken")
        intake.close()
        intake.join()
        with pytest.raises(RequestFailed, match="the worker is shutting down"):
            asking.result()
    redis.set(redis_keys("generation-1")[0], GenerationRequest().model_dump_json())
    intake.take("generation-1")
    assert take_request(redis, "generation-1", "another") is not None


def test_a_worker_of_which_a_thread_has_died_is_overdue(intake, monkeypatch):
    assert intake.overdue_s() == 0
    intake.delivery.close()
    assert intake.overdue_s() == math.inf


def test_what_an_asker_that_has_died_had_asked_for_is_computed_no_further(
    asked, write, intake, redis, endless, monkeypatch
):
    write(1)
    monkeypatch.setattr("jobs.broker.requester.REQUEST_TTL_S", PATIENCE_S)  # in which it is taken
    monkeypatch.setattr("jobs.broker.generation.WORKER_TTL_S", 1)
    with ThreadPoolExecutor(1) as pool, monkeypatch.context() as dead:
        # As if its process were no more.
        dead.setattr("jobs.broker.requester.Requester.keep_alive", lambda _: None)
        gone = threading.Event()
        asking = pool.submit(asked, gone=gone.is_set, **LONG)
        [taken] = wait_until(lambda: list(intake.batcher._requests), "it was taken")
        request_key = redis_keys(taken)[0]
        assert redis.pttl(request_key) > 0, "it ends by itself"
        redis.pexpire(request_key, 1)  # as if that time had passed
        wait_until(lambda: not intake.batcher._requests, "it was given up")
        assert not asking.done()
        wait_until(lambda: not list(redis.scan_iter("pretrain:*:worker")), "the worker was gone")
        assert intake.overdue_s() == 0
        dead.undo()
        gone.set()
        assert isinstance(asking.exception(PATIENCE_S), Abandoned)
