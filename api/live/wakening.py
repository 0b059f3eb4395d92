"""Ends the wait of a thread that waits for files."""

import select
import socket
import threading


class Wakening:
    """For one thread that waits, and any that call it."""

    def __init__(self) -> None:
        self._heard, self._sent = socket.socketpair()
        self._heard.setblocking(False)
        self._lock = threading.Lock()
        """So that nobody sends to a file that has just been closed, whose number another may have by then."""
        self._is_closed = False

    def wake(self) -> None:
        with self._lock:
            if not self._is_closed:
                self._sent.send(b"\0")

    def wait(self, timeout_s: float, *files: int) -> bool:
        """Whether it was called, now or since the last wait; it ends then, when one of the files can be read,
        and after the timeout."""
        # `select` knows no number beyond 1,023, and a service with many connections has such files.
        poll = select.poll()
        for file in (self._heard.fileno(), *files):
            poll.register(file, select.POLLIN)
        readable = [file for file, _ in poll.poll(timeout_s * 1000)]
        if self._heard.fileno() not in readable:
            return False
        self._heard.recv(4096)
        return True

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._heard.close()
            self._sent.close()
