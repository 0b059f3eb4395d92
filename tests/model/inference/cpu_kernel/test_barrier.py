import threading
import time

from model.inference.cpu_kernel.barrier import arrival_counters, barrier

AWAITED_S = 1.0


def test_a_thread_that_waits_long_for_another_sleeps_meanwhile():
    barrier(arrival_counters(1), 0)  # compiled now, not while it is looked at
    arrived, used_s = arrival_counters(2), []

    def wait() -> None:
        barrier(arrived, 0)
        used_s.append(time.thread_time())

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(AWAITED_S)  # nothing to wait for: this is how late the other thread comes
    assert not used_s
    barrier(arrived, 1)
    waiting.join(timeout=30)
    assert used_s[0] < AWAITED_S / 2
