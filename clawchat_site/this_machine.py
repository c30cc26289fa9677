"""Who asks the front door from the machine that it runs on."""

from django.http import HttpRequest

from chat.addresses import is_loopback, is_trusted_proxy
from clawchat.protocol.places import LOOPBACK_NAMES

# What a proxy adds that tells whom it brings; a browser and curl on this machine send none of them.
BROUGHT_BY = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA")
# An address that was read from X-Forwarded-For has no port.
NO_PORT = 0


def is_this_machine(request: HttpRequest) -> bool:
    """Whether the peer itself is on this machine and asks for it by a loopback name.

    A proxy on this machine brings people from elsewhere and makes none of them local: neither one that is trusted,
    whatever it says of them, nor one that the settings do not name but that says it is one.
    """
    meta = request.META
    address = meta.get("REMOTE_ADDR") or ""
    if not is_loopback(address) or is_trusted_proxy(address) or meta.get("REMOTE_PORT") == NO_PORT:
        return False
    return host_name(request) in LOOPBACK_NAMES and not any(name in meta for name in BROUGHT_BY)


def host_name(request: HttpRequest) -> str:
    """The host asked for, without port and brackets, in lower case.

    Raises: DisallowedHost.
    """
    host = request.get_host().lower()
    return host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]
