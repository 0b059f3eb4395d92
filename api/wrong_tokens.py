"""How many wrong tokens an address may try to sign in with: some at once, then two a second."""

import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.rates import RequestRates, whole_seconds
from jobs.store.tokens import BadToken

AT_ONCE = 5
PER_MINUTE = 120
"""Tries that an address gains."""
MAX_ADDRESSES = 10_000
"""That are remembered; beyond them the one that has tried least recently is forgotten."""
IPV6_SITE_BITS = 64
"""A site has all addresses behind these."""


class TooManyWrongTokens(Exception):
    """The address has no try left; after `wait_s` seconds it has."""

    def __init__(self, wait_s: int) -> None:
        super().__init__("too many wrong tokens came from this address; try again later")
        self.wait_s = wait_s


class WrongTokens:
    """Of this process. A try is taken before it is known whether the token is right, and given back if it is,
    so that tries at the same time count too.

    clock  nanoseconds, never backwards
    """

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._tries = RequestRates(PER_MINUTE, clock, at_once=AT_ONCE, max_keys=MAX_ADDRESSES)
        """By site."""

    @contextmanager
    def attempt(self, address: str | None) -> Iterator[None]:
        """The block raises BadToken for a wrong token.

        raises  TooManyWrongTokens if the address has no try left, whatever token it has
        """
        site = site_of(address)
        if wait_ns := self._tries.take(site):
            raise TooManyWrongTokens(whole_seconds(wait_ns))
        try:
            yield
        except BadToken:
            raise
        except BaseException:
            self._tries.give_back(site)
            raise
        self._tries.give_back(site)


def site_of(address: str | None) -> str:
    """The address, or of an IPv6 one the network, whose addresses are all one's own to choose from."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:  # a socket file has none
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_SITE_BITS), strict=False))
