"""Addresses as the settings combine them: what is loopback, and how a listener is written in a URL."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

HTTPS_PORT = 443
HTTP_PORT = 80


def is_loopback(host: str) -> bool:
    """Whether a listener on this address, or a client that dials this host, never leaves the machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_wildcard(host: str) -> bool:
    """Whether a listener on this address takes connections to every address of the machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def in_url(host: str) -> str:
    """A host as a URL writes it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def listener_url(host: str, port: int, *, tls: bool) -> str:
    """A web listener as a browser writes it; loopback is written localhost, which is a secure context."""
    scheme, usual = ("https", HTTPS_PORT) if tls else ("http", HTTP_PORT)
    name = "localhost" if is_loopback(host) else in_url(host)
    return f"{scheme}://{name}" if port == usual else f"{scheme}://{name}:{port}"


def admin_url(front_url: str, admin_host: str, front: tuple[str, int] | None, *, tls: bool) -> str:
    """Where an operator finds the admin: under its own name, or on this machine; empty when the front door is off.

    Under its own name it is where the front door is, whoever ends TLS there.
    """
    if front is None:
        return ""
    parts = _split(front_url)
    if admin_host and parts is not None:
        return urlunsplit((parts.scheme, f"{admin_host}:{parts.port}" if parts.port else admin_host, "/admin/", "", ""))
    if parts is not None and is_loopback(parts.hostname or ""):
        return f"{front_url.rstrip('/')}/admin/"
    return listener_url("localhost", front[1], tls=tls) + "/admin/"


def host_of(url: str) -> str:
    """The host of a URL as Django's ALLOWED_HOSTS has it; empty when there is none (a check says so)."""
    parts = _split(url)
    return in_url(parts.hostname) if parts is not None and parts.hostname else ""


def is_whole_site(url: str) -> bool:
    """Whether this is the https site of its host, at the port that browsers use by themselves."""
    parts = _split(url)
    return parts is not None and parts.scheme == "https" and parts.port in (None, HTTPS_PORT)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (reading it is what finds a port that is none)
    except ValueError:
        return None
    return parts
