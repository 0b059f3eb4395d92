from jobs.states import TERMINAL, TRANSITIONS, Status, may_become


def test_nothing_follows_a_terminal_status() -> None:
    assert all(TRANSITIONS[status] == frozenset() for status in TERMINAL)


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_a_running_job_may_return_to_the_queue_but_a_finished_one_may_not() -> None:
    assert may_become(Status.RUNNING, Status.QUEUED)
    assert not may_become(Status.SUCCEEDED, Status.QUEUED)
