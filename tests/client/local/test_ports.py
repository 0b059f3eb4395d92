"""Ports of the local stack."""

import socket

import pytest

from client.errors import ClientError
from client.local.ports import choose_port, free_port


def test_a_busy_default_port_moves_on_to_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert choose_port("127.0.0.1", port, is_fixed=False) != port


def test_a_free_port_is_taken_as_it_is() -> None:
    port = free_port("127.0.0.1")
    assert choose_port("127.0.0.1", port, is_fixed=True) == port


def test_an_address_that_is_not_this_machines_is_an_error() -> None:
    with pytest.raises(ClientError, match=r"cannot listen on 192\.0\.2\.1"):
        choose_port("192.0.2.1", 0, is_fixed=True)
