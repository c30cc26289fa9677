"""What a certificate must vouch for: the names and addresses under which clients reach this server."""

import contextlib
import fcntl
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from django.conf import settings

from .context import TlsProblem

Address = IPv4Address | IPv6Address
LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
# linux/sockios.h: the IPv4 address of an interface.
SIOCGIFADDR = 0x8915
INTERFACES_6 = Path("/proc/net/if_inet6")
# Documentation addresses: connecting a UDP socket sends nothing, and tells which address of ours would be used.
FAR_AWAY = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


class Names(NamedTuple):
    """`dialled` is what clients are told to dial; `all` has besides what else may lead here. Names, or addresses."""

    dialled: frozenset[str | Address]
    all: frozenset[str | Address]


def parse_name(text: str) -> str | Address:
    """A host as an address when it is one, else as the name it is, in small letters and as certificates write it."""
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        name = text.lower().rstrip(".")
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        raise TlsProblem(f"{text!r} is no host name that a certificate could have.") from None


def own_names() -> Names:
    """The names of now, by the settings and this machine's addresses."""
    listening = [parse_name(host) for host in _listening()]
    front = urlsplit(settings.CLAWCHAT_FRONT_URL).hostname if settings.CLAWCHAT_FRONT_TLS else None
    admin = settings.CLAWCHAT_ADMIN_HOST if settings.CLAWCHAT_FRONT_TLS else None
    dialled = {parse_name(host) for host in (settings.CLAWCHAT_HOST, front, admin) if host}
    everywhere = any(isinstance(address, Address) and address.is_unspecified for address in listening)
    own = {*listening, *(machine_addresses() if everywhere else ())}
    addresses = {one for one in own if isinstance(one, str) or not (one.is_unspecified or one.is_link_local)}
    return Names(frozenset(dialled), frozenset({"localhost", *LOOPBACK, *dialled, *addresses}))


def _listening() -> list[str]:
    front = [settings.CLAWCHAT_FRONT[0]] if settings.CLAWCHAT_FRONT else []
    return [settings.CLAWCHAT_BIND, *front]


def vouches_for(certificate: x509.Certificate, name: str | Address) -> bool:
    """Whether the certificate is good for this name or address; a wildcard stands for one label."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    if not isinstance(name, str):
        return name in extension.get_values_for_type(x509.IPAddress)
    written = {dns.lower() for dns in extension.get_values_for_type(x509.DNSName)}
    return name in written or f"*.{name.partition('.')[2]}" in written


# This machine


def machine_addresses() -> set[Address]:
    """The addresses of this machine, as far as it tells."""
    return _route_addresses() | _interface_addresses_4() | _interface_addresses_6()


def _route_addresses() -> set[Address]:
    found: set[Address] = set()
    for family, far_away in FAR_AWAY:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((far_away, 9))
            found.add(ip_address(asking.getsockname()[0]))
    return found


def _interface_addresses_4() -> set[Address]:
    found: set[Address] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):
                found.add(IPv4Address(fcntl.ioctl(asking.fileno(), SIOCGIFADDR, request)[20:24]))
    return found


def _interface_addresses_6() -> set[Address]:
    try:
        lines = INTERFACES_6.read_text().splitlines()
    except OSError:
        return set()
    return {IPv6Address(int(line.split()[0], 16)) for line in lines}
