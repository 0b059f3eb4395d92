"""Generations: how long until the first token, how long in all, and how many tokens."""

import time
from collections.abc import Generator

from prometheus_client import Counter, Histogram

from api.monitoring.registry import REGISTRY
from jobs.broker.iteration import Iteration
from jobs.broker.replies import GenerationResult
from jobs.broker.requester import Abandoned, NewPiece

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

FIRST_TOKEN = Histogram(
    "pretrain_generation_time_to_first_token_seconds",
    "From when a worker was asked to the first token of any of the request's prompts.",
    buckets=BUCKETS,
    registry=REGISTRY,
)
DURATION = Histogram(
    "pretrain_generation_duration_seconds",
    "From when a worker was asked to the end of all of the request's prompts, by outcome: `complete`, "
    "`timeout`, `abandoned` by the client, `failed`.",
    ["outcome"],
    buckets=BUCKETS,
    registry=REGISTRY,
)
TOKENS = Counter(
    "pretrain_generation_tokens",
    "Tokens of requests that were answered, by kind: `prompt`, `completion`.",
    ["kind"],
    registry=REGISTRY,
)


def measured(
    pieces: Generator[NewPiece | None, None, list[GenerationResult]],
) -> Generator[NewPiece | None, None, list[GenerationResult]]:
    """The same pieces and results, of a request that has at least one prompt."""
    began_s = time.perf_counter()
    has_begun = False
    outcome = "failed"
    iteration = Iteration(pieces)
    try:
        for item in iteration:
            if item is not None and not has_begun:
                has_begun = True
                FIRST_TOKEN.observe(time.perf_counter() - began_s)
            yield item
        results = iteration.result
        timed_out = any(result.finish_reason == "timeout" for result in results)
        outcome = "timeout" if timed_out else "complete"
        TOKENS.labels("prompt").inc(sum(result.prompt_tokens for result in results))
        TOKENS.labels("completion").inc(sum(result.completion_tokens for result in results))
        return results
    except (GeneratorExit, Abandoned):
        outcome = "abandoned"
        raise
    finally:
        DURATION.labels(outcome).observe(time.perf_counter() - began_s)
