"""Addresses as limits and bans look at them."""

import functools
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.conf import settings

# What one customer has of IPv6: counting single addresses would let anybody begin anew 2^64 times.
PREFIX_BITS = 64
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
# Asked for with every message of everybody.
KEPT_NETWORKS = 16_384


@functools.lru_cache(KEPT_NETWORKS)
def network_of(address: str, prefix_bits: int = PREFIX_BITS) -> str:
    """What counts as one caller: an IPv4 address, or the network of so many bits of an IPv6 address; other text as it
    is."""
    found = parse_address(address)
    if not isinstance(found, IPv6Address):
        return str(found or address)
    return str(ip_network((int(found), prefix_bits), strict=False))


def is_loopback(address: str) -> bool:
    """Whether it is this machine."""
    found = parse_address(address)
    return found is not None and found.is_loopback


def is_trusted_proxy(address: str) -> bool:
    """Whether it is one of the operator's proxies, behind which many people are."""
    found = parse_address(address)
    return found is not None and any(found in network for network in settings.CLAWCHAT_TRUSTED_PROXIES)


def is_one_caller(address: str) -> bool:
    """Whether limits by address are for it: not for this machine, nor for a proxy that does not say whom it brings."""
    return not is_loopback(address) and not is_trusted_proxy(address)


def is_never_banned(network: str) -> bool:
    """Whether this machine or a proxy of the operator's is in this network as `network_of` writes it, or it is none."""
    try:
        # Its first address says nothing about the others of a whole network.
        whole = ip_network(network)
    except ValueError:
        return True
    return any(
        known.version == whole.version and known.overlaps(whole)
        for known in (*LOOPBACK, *settings.CLAWCHAT_TRUSTED_PROXIES)
    )


def parse_address(address: str) -> IPv4Address | IPv6Address | None:
    """The address, None when the text is none; a socket for both families writes IPv4 as ::ffff:192.0.2.1."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
