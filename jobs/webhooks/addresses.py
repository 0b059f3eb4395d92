"""Which addresses a webhook may reach: those of the Internet, and networks that the settings name.

Else whoever may set one up could have the service ask what it alone can reach: its own ports, its neighbours,
a cloud's metadata. A name is judged by the addresses that it resolves to, and again at every delivery, which
connects to the very address that was judged.
"""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from jobs.settings import Network

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[Address]]

RESOLVE_TIMEOUT_S = 5.0

# Bounded: a resolver that hangs holds a thread for longer than anybody waits for it.
resolver_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="resolver")


class Unreachable(Exception):
    """Nothing may be sent there, or there is nothing; the message says why."""


def permitted_addresses(
    host: str, port: int, allowed: Sequence[Network], resolve: Resolve | None = None
) -> list[Address]:
    """The addresses of a host. raises Unreachable if it has none, or if one of them may not be reached"""
    addresses = (resolve or resolve_host)(host, port)
    for address in addresses:
        if not is_permitted(address, allowed):
            raise Unreachable(
                f"{host} is {address}, which is no public address; PRETRAIN_WEBHOOK_ALLOW_PRIVATE names "
                "networks that may be reached all the same"
            )
    return addresses


def is_permitted(address: Address, allowed: Sequence[Network]) -> bool:
    reached = reached_address(address)
    return is_public(reached) or any(reached in network for network in allowed)


def reached_address(address: Address) -> Address:
    """The IPv4 address that one of IPv6 stands for (RFC 4291, section 2.5.5.2; RFC 3056), else itself."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


DOCUMENTATION = ip_network("3fff::/20")
"""RFC 9637, which Python 3.11 does not know yet."""


def is_public(address: Address) -> bool:
    """Whether it is on the Internet. What is reserved, such as NAT64's prefix, is not: where it leads depends
    on the network."""
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified
    is_site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (is_special or is_site_local or address in DOCUMENTATION)


def resolve_host(host: str, port: int) -> list[Address]:
    """raises  Unreachable"""
    resolving = resolver_threads.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = resolving.result(RESOLVE_TIMEOUT_S)
    except FutureTimeout:
        resolving.cancel()
        raise Unreachable(f"the name {host} was not resolved within {RESOLVE_TIMEOUT_S:g} s") from None
    except (OSError, UnicodeError) as error:  # UnicodeError: a label that is empty or too long
        reason = error.strerror if isinstance(error, OSError) else "it is no name"
        raise Unreachable(f"the name {host} can't be resolved: {reason}") from error
    return list(dict.fromkeys(ip_address(str(end[0]).partition("%")[0]) for *_, end in found))
