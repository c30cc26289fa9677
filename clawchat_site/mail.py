"""EMAIL_URL: the mail server that alerts go out by, as Django's settings have it."""

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from .addresses import is_loopback

# Scheme: the usual port, and how it is encrypted (STARTTLS, TLS from the first byte).
SCHEMES = {"smtp": (25, False, False), "smtp+tls": (587, True, False), "smtps": (465, False, True)}
FORM = "EMAIL_URL cannot be read; write smtp+tls://user:password@host:587 or smtps://user:password@host:465."


class MailServer(NamedTuple):
    """What Django wants to know; an empty host means that there is none."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


def mail_server(url: str) -> MailServer:
    """The server that this names; none when it is empty.

    Raises: ImproperlyConfigured, without the value: there is a password in it.
    """
    if not url:
        return MailServer()
    try:
        parts = urlsplit(url.strip())
        port, starttls, tls = SCHEMES[parts.scheme]
        host, port = parts.hostname or "", parts.port or port
    except (ValueError, KeyError):
        raise ImproperlyConfigured(FORM) from None
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ImproperlyConfigured(FORM)
    if not (starttls or tls or host == "localhost" or is_loopback(host)):
        raise ImproperlyConfigured(
            "EMAIL_URL would send mail and password in the clear; write smtp+tls:// or smtps://."
        )
    return MailServer(host, port, unquote(parts.username or ""), unquote(parts.password or ""), starttls, tls)
