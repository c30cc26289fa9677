"""What makes it unsafe to open the doors, said before they open."""

import stat
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from rotation.proxies import is_loopback
from rotation.services.clock import REMEDY, clock_problems
from rotation.tls import Pair, TlsProblem
from rotation.tls.authority import certificate_file
from rotation.tls.context import SIGNATURES
from rotation.tls.files import load_pairs

EXPIRES_SOON = timedelta(days=14)
# The widest network that one operator can have: all private IPv6 addresses.
WIDEST_PREFIX = 7
OTHERS = stat.S_IROTH | stat.S_IWOTH


@register(Tags.security)
def check_addresses(**_: object) -> list[CheckMessage]:
    """Nothing listens in the clear where other machines can reach it, except for trusted proxies."""
    if settings.CLAWCHAT_TLS or settings.CLAWCHAT_TRUSTED_PROXIES:
        return []
    addresses = {"CLAWCHAT_BIND": settings.CLAWCHAT_BIND}
    if settings.CLAWCHAT_FRONT is not None:
        addresses["CLAWCHAT_FRONT"] = settings.CLAWCHAT_FRONT[0]
    return [
        Error(
            f"{name} is {address}, which other machines can reach, and there is no TLS.",
            hint="Set CLAWCHAT_TLS=local (this server makes its own certificates), or CLAWCHAT_TLS=files with "
            "certificates of a public authority in CLAWCHAT_TLS_FILES; or stay on loopback with 127.0.0.1. Where a "
            "proxy ends TLS before this server, name it in CLAWCHAT_TRUSTED_PROXIES.",
            id="clawchat.E301",
        )
        for name, address in addresses.items()
        if not is_loopback(address)
    ]


@register(Tags.security)
def check_proxies(**_: object) -> list[CheckMessage]:
    """Trusted proxies are somebody's, not everybody's."""
    return [
        Error(
            f"CLAWCHAT_TRUSTED_PROXIES has {network}, which are strangers' addresses too: anybody could connect in the "
            "clear, say whose address he has, and would never be banned.",
            hint="Name the addresses of your proxies alone.",
            id="clawchat.E313",
        )
        for network in settings.CLAWCHAT_TRUSTED_PROXIES
        if network.prefixlen < WIDEST_PREFIX
    ]


@register(Tags.security)
def check_tls_settings(**_: object) -> list[CheckMessage]:
    """The settings for TLS do not contradict each other."""
    found: list[CheckMessage] = []
    if settings.CLAWCHAT_LOOPBACK_TLS and not settings.CLAWCHAT_TLS:
        found.append(
            Error(
                "CLAWCHAT_LOOPBACK_TLS asks for TLS, and CLAWCHAT_TLS does not say with which certificates.",
                hint="Set CLAWCHAT_TLS=local as well.",
                id="clawchat.E302",
            )
        )
    if bool(settings.CLAWCHAT_TLS_FILES) != (settings.CLAWCHAT_TLS == "files"):
        found.append(
            Error(
                "CLAWCHAT_TLS=files and CLAWCHAT_TLS_FILES belong together, and only one of them is there.",
                hint="Set CLAWCHAT_TLS=files and CLAWCHAT_TLS_FILES=chain.pem:key.pem, or neither.",
                id="clawchat.E303",
            )
        )
    return [*found, *_key_files()]


def _key_files() -> list[CheckMessage]:
    keys = [key for _, key in settings.CLAWCHAT_TLS_FILES]
    if settings.CLAWCHAT_TLS == "local":
        keys.append(certificate_file(settings.CLAWCHAT_DATA_DIR).with_suffix(".key"))
    return [
        Error(f"Everybody on this machine can read {key}.", hint=f"chmod o-rwx {key}", id="clawchat.E304")
        for key in keys
        if key.exists() and key.stat().st_mode & OTHERS
    ]


@register(Tags.security)
def check_reach(**_: object) -> list[CheckMessage]:
    """What clients are told to dial is something that they will dial."""
    found: list[CheckMessage] = []
    if not settings.CLAWCHAT_ENDPOINT_TLS and not is_loopback(settings.CLAWCHAT_HOST):
        found.append(
            Warning(
                f"Clients will not dial {settings.CLAWCHAT_HOST}: the chat ports do not speak TLS, and without it they "
                "connect to their own machine only.",
                hint="Set CLAWCHAT_TLS, and CLAWCHAT_BIND to an address that they reach; or CLAWCHAT_HOST=localhost.",
                id="clawchat.W305",
            )
        )
    found += [
        Warning(
            f"{host} is an IPv6 address, which a browser's content policy cannot name: the app will not connect to it.",
            hint="Give it a host name, and set CLAWCHAT_HOST to that.",
            id="clawchat.W310",
        )
        for host in (settings.CLAWCHAT_HOST, *settings.CLAWCHAT_OTHER_HOSTS)
        if ":" in host
    ]
    is_plain = urlsplit(settings.CLAWCHAT_FRONT_URL).scheme == "http"
    if settings.CLAWCHAT_TRUSTED_PROXIES and is_plain:
        found.append(
            Warning(
                f"CLAWCHAT_FRONT_URL is {settings.CLAWCHAT_FRONT_URL}, and TLS ends at a proxy.",
                hint="Set CLAWCHAT_FRONT_URL to the https address that people type.",
                id="clawchat.W306",
            )
        )
    return found


@register(Tags.compatibility)
def check_kept_pages(**_: object) -> list[CheckMessage]:
    """With the front door off, browsers still open the app that they kept, under the address they know."""
    if settings.CLAWCHAT_FRONT is not None or settings.CLAWCHAT_FRONT_URL:
        return []
    return [
        Warning(
            "CLAWCHAT_FRONT is off and CLAWCHAT_FRONT_URL is not set: apps that browsers have kept are taken for other "
            "people's pages, and get into no chat port.",
            hint="Set CLAWCHAT_FRONT_URL to the address under which people opened the app.",
            id="clawchat.W314",
        )
    ]


@register(Tags.security)
def check_certificates(**_: object) -> list[CheckMessage]:
    """Certificates from files are good, will be for a while, and are good for browsers.

    Warnings only: the server itself refuses to start with bad ones, but the other commands must still work.
    """
    if settings.CLAWCHAT_TLS != "files" or not settings.CLAWCHAT_TLS_FILES:
        return []
    try:
        pairs = load_pairs(settings.CLAWCHAT_TLS_FILES, time.time())
    except TlsProblem as problem:
        return [Warning(str(problem), id="clawchat.W307")]
    return [*_expiring(pairs), *_without_browsers(pairs)]


def _expiring(pairs: list[Pair]) -> list[CheckMessage]:
    soon = datetime.now(UTC) + EXPIRES_SOON
    return [
        Warning(
            f"The certificate in {pair.chain_file} expires on {pair.certificate.not_valid_after_utc:%Y-%m-%d}.",
            hint="Renew it; the running server takes the new files over by itself.",
            id="clawchat.W308",
        )
        for pair in pairs
        if pair.certificate.not_valid_after_utc < soon
    ]


def _without_browsers(pairs: list[Pair]) -> list[CheckMessage]:
    if any(pair.signature == SIGNATURES[1] for pair in pairs):
        return []
    return [
        Warning(
            "CLAWCHAT_TLS_FILES has no P-256 certificate, and browsers take no other.",
            hint="Add a pair with a P-256 key (with certbot: --key-type ecdsa --elliptic-curve secp256r1).",
            id="clawchat.W309",
        )
    ]


@register(Tags.database)
def check_clock(databases: list[str] | None = None, **_: object) -> list[CheckMessage]:
    """The clock agrees with the database's, with other nodes' and with what was written before."""
    if not databases:
        return []
    try:
        problems = clock_problems()
    except DatabaseError:
        # The tables are not there before the first migration.
        return []
    return [Warning(problem, hint=REMEDY, id="clawchat.W311") for problem in problems]


@register(Tags.security)
def check_fixed_port(**_: object) -> list[CheckMessage]:
    """The fixed chat port and the front door are two."""
    port, front = settings.CLAWCHAT_FIXED_PORT, settings.CLAWCHAT_FRONT
    wildcards = {"0.0.0.0", "::"}  # noqa: S104  (compared, not listened on)
    if not port or front is None or front[1] != port:
        return []
    if front[0] != settings.CLAWCHAT_BIND and not wildcards & {front[0], settings.CLAWCHAT_BIND}:
        return []
    return [
        Error(
            f"CLAWCHAT_FIXED_PORT is {port}, which is the front door's port.",
            hint="Choose another number, or give CLAWCHAT_FRONT and CLAWCHAT_BIND addresses of their own.",
            id="clawchat.E312",
        )
    ]
