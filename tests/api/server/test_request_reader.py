"""How much one connection may do in the event loop before others have their turn."""

import asyncio
import socket

import pytest

from api.server.connection import Connection
from api.server.limits import Limits
from api.server.request_reader import EVENTS_PER_TURN
from api.server.state import ServerState
from tests.api.server.serving import small_app

CHUNKS = 1000


class Transport(asyncio.Transport):
    """A client that has sent all it has, and reads what it gets."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__({"socket": connected})
        self.is_paused = False
        self.written = b""

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def write_eof(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


async def read_in_turns(last: str) -> tuple[int, bytes]:
    """How many turns of the loop it takes to read a body of tiny chunks, and the response, a rejection."""
    limits = Limits(body_bytes=CHUNKS)
    end = b"x\r\n" if last == "malformed" else b"1\r\na\r\n"
    connection = Connection(ServerState(small_app(), limits), asyncio.get_running_loop())
    with socket.socket() as connected:
        transport = Transport(connected)
        connection.connection_made(transport)
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.data_received(head + b"1\r\na\r\n" * CHUNKS + end)
    turns = 0
    while not transport.written:
        assert transport.is_paused
        turns += 1
        await asyncio.sleep(0)
    assert not transport.is_paused
    return turns, transport.written


@pytest.mark.parametrize(("last", "status"), [("malformed", b"400"), ("too much", b"413")])
def test_a_body_of_tiny_chunks_leaves_turns_to_other_connections(last: str, status: bytes) -> None:
    turns, response = asyncio.run(read_in_turns(last))
    assert turns >= CHUNKS // EVENTS_PER_TURN
    assert response.startswith(b"HTTP/1.1 " + status)
