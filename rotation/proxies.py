"""Trusted proxies: from whom plain connections are taken off loopback, and whose word on the real peer counts."""

from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

Networks = Collection[IPv4Network | IPv6Network]

FORWARDED_FOR, FORWARDED_PROTO = b"x-forwarded-for", b"x-forwarded-proto"
SCHEMES = {b"http": "http", b"https": "https"}
# How a socket for both families writes an IPv4 peer.
MAPPED = "::ffff:"
ZONE = "%"
# A proxy adds one address; whoever sends hundreds wants to keep us busy.
MOST_ADDRESSES = 32


def is_loopback(host: str) -> bool:
    """Whether a listener on this address takes connections from this very machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_trusted(address: str, proxies: Networks) -> bool:
    """Whether this address is one of the proxies'."""
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer in network for network in proxies)


def may_come_plain(address: str, own: str, proxies: Networks) -> bool:
    """Whether a peer may speak without TLS to a listener on the address `own`: a proxy may, and this very machine."""
    return address == own or is_loopback(address.removeprefix(MAPPED)) or is_trusted(address, proxies)


def real_address(peer: str, forwarded_for: Collection[bytes], proxies: Networks) -> str:
    """Who is behind a connection from `peer` with these X-Forwarded-For headers: the last address that no proxy of
    ours has. What stands before it was written by that address itself, and could be anything."""
    if not is_trusted(peer, proxies):
        return peer
    found = peer
    for text in reversed(b",".join(forwarded_for).split(b",")[-MOST_ADDRESSES:]):
        try:
            address = str(ip_address(text.strip().decode("ascii")))
        except ValueError:
            break
        if ZONE in address:
            # Of a cable of the proxy's, and Python takes any text for one.
            break
        found = address
        if not is_trusted(found, proxies):
            break
    return found


def behind_proxies(application: Callable, proxies: Networks) -> Callable:
    """The ASGI application, told address and scheme of the real peer when a trusted proxy brought the request.

    Daphne's own switch for this believes everybody, and the first address of the header, which the peer writes.
    """
    if not proxies:
        return application

    async def with_real_peer(scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        await application(_real_scope(scope, proxies), receive, send)

    return with_real_peer


def _real_scope(scope: dict[str, Any], proxies: Networks) -> dict[str, Any]:
    peer = (scope.get("client") or ("", 0))[0]
    if not is_trusted(peer, proxies):
        return scope
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope.get("headers", ()):
        headers.setdefault(name.lower(), []).append(value)
    address = real_address(peer, headers.get(FORWARDED_FOR, ()), proxies)
    scheme = SCHEMES.get(headers.get(FORWARDED_PROTO, [b""])[-1].strip().lower(), scope.get("scheme", "http"))
    return {**scope, "client": [address, 0], "scheme": scheme}
