from worker.oom import kernel_oom_kills, oom_kills_in


def test_the_counter_is_found_among_the_others() -> None:
    assert oom_kills_in("low 0\nhigh 3\noom 5\noom_kill 2\noom_group_kill 1\n") == 2
    assert oom_kills_in("pgfault 7\n") == 0


def test_the_kernels_counter_can_be_read_here() -> None:
    assert kernel_oom_kills() >= 0
