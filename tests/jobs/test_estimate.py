"""What a job would take."""

from jobs.estimate import estimate, tokens_per_epoch
from jobs.spec import parse_spec
from jobs.tables import TokenCount

# The Verdict, split at 0.9.
COUNTS = TokenCount(train_tokens=4_612, val_tokens=533)


def test_the_lectures_job_has_162_million_parameters_and_90_steps() -> None:
    estimated = estimate(parse_spec({}), COUNTS)
    assert (estimated.parameters, estimated.total_steps) == (162_419_712, 90)


def test_an_epochs_tokens_are_those_of_its_whole_batches() -> None:
    assert tokens_per_epoch(parse_spec({}), COUNTS) == 9 * 2 * 256
    assert tokens_per_epoch(parse_spec({"training": {"batch_size": 4}}), COUNTS) == 4 * 4 * 256


def test_overlapping_windows_count_their_tokens_each_time() -> None:
    overlapping = parse_spec({"training": {"stride": 128}})
    assert tokens_per_epoch(overlapping, COUNTS) == 17 * 2 * 256
