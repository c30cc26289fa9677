"""Who knocks at the admin's door, as its limit counts them."""

from django.contrib.auth import get_user_model
from django.http import HttpRequest

from chat.addresses import network_of


def address_of(request: HttpRequest) -> str:
    """The caller's IPv4 address, or the first address of the 64-bit network that an IPv6 caller is at home in."""
    return network_of(request.META.get("REMOTE_ADDR") or "").partition("/")[0]


def account_of(request: HttpRequest, credentials: dict[str, object] | None = None) -> str:
    """The name that was given, when an account has it. Any other may be a password in the wrong field, or too long."""
    given = (credentials or {}).get("username") or request.POST.get("username", "")
    # PostgreSQL is not asked for what it could never hold.
    is_known = "\0" not in str(given) and get_user_model().objects.filter(username=str(given)).exists()
    return str(given) if is_known else ""
