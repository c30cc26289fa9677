"""Who knocks at the admin's door, as its limit counts them."""

from django.http import HttpRequest

from chat.addresses import network_of


def address_of(request: HttpRequest) -> str:
    """The caller's IPv4 address, or the first address of the 64-bit network that an IPv6 caller is at home in."""
    return network_of(request.META.get("REMOTE_ADDR") or "").partition("/")[0]
