import socket
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.webhooks import addresses
from jobs.webhooks.addresses import Unreachable, is_permitted, permitted_addresses, resolve_host

REFUSED = [
    "3fff::1",
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "2001::1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_on_the_internet_is_refused(address: str) -> None:
    assert not is_permitted(ip_address(address), [])


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_on_the_internet_may_be_reached(address: str) -> None:
    assert is_permitted(ip_address(address), [])


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_is_judged_alike_in_ipv6s_clothes(address: object) -> None:
    mapped, six_to_four = ip_address(f"::ffff:{address}"), int(ip_address(str(address))) << 80 | 0x2002 << 112
    plain = is_permitted(ip_address(str(address)), [])
    assert is_permitted(mapped, []) == plain
    assert is_permitted(ip_address(six_to_four), []) == plain


def test_a_network_that_the_settings_name_may_be_reached_and_no_other() -> None:
    allowed = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    assert is_permitted(ip_address("10.1.2.3"), allowed)
    assert is_permitted(ip_address("::ffff:10.1.2.3"), allowed)
    assert is_permitted(ip_address("fd00::1"), allowed)
    assert not is_permitted(ip_address("192.168.0.1"), allowed)
    assert not is_permitted(ip_address("fc00::1"), allowed)


def test_a_name_with_one_private_address_is_refused_whatever_the_others_are() -> None:
    both = [ip_address("8.8.8.8"), ip_address("10.0.0.1")]
    with pytest.raises(Unreachable, match=r"receiver is 10\.0\.0\.1, which is no public address"):
        permitted_addresses("receiver", 443, [], lambda *_: both)


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "017700000001", "localhost", "::1"])
def test_whatever_loopback_is_written_as_it_is_refused(host: str) -> None:
    with pytest.raises(Unreachable, match="no public address"):
        permitted_addresses(host, 80, [])


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".org"])
def test_what_is_no_name_is_said(host: str) -> None:
    with pytest.raises(Unreachable, match="can't be resolved"):
        resolve_host(host, 80)


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    answered = Event()
    monkeypatch.setattr(addresses, "RESOLVE_TIMEOUT_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(60))
    try:
        with pytest.raises(Unreachable, match=r"was not resolved within 0\.05 s"):
            resolve_host("slow.example", 80)
    finally:
        answered.set()
