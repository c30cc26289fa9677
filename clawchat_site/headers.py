"""The security headers of the front door, the content security policy above all."""

import logging
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.utils.decorators import sync_and_async_middleware

from clawchat.protocol.places import MEGA_GATEWAY, MegaFolder, WebPlace, parse_place
from discovery.services.mirrors import public_locations

from .addresses import in_url

logger = logging.getLogger(__name__)

# A picture comes sealed and is opened by the page; `blob:` is how it gets into an <img>. Nobody else can make such an
# address, and nothing but images and media is loaded from one.
APP_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self' {others}; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html worker"
)
# Django's own admin needs its forms and its style attributes' absence: no script but its own files.
ADMIN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
# For who asks under a name that is not ours: nothing at all.
STRANGER_POLICY = "default-src 'none'; frame-ancestors 'none'; object-src 'none'"
# The chat port moves, and a policy cannot name a port that does not exist yet: any port of what clients dial.
LOOPBACK_SOCKETS = "ws://localhost:* ws://127.0.0.1:*"
# Where MEGA is asked what a folder holds, and whence it lets files be fetched.
MEGA_ORIGINS = ("https://g.api.mega.co.nz", "https://*.userstorage.mega.co.nz")


@sync_and_async_middleware
def security_headers(get_response):
    """Middleware: puts the policy on every answer, static files included, and answers to our own names only."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponse:
            if (refusal := _refusal(request)) is not None:
                return refusal
            response = await get_response(request)
            is_page = _is_app_page(request, response)
            return _protect(request, response, await sync_to_async(app_policy)() if is_page else _plain_policy())
    else:

        def middleware(request: HttpRequest) -> HttpResponse:
            if (refusal := _refusal(request)) is not None:
                return refusal
            response = get_response(request)
            is_page = _is_app_page(request, response)
            return _protect(request, response, app_policy() if is_page else _plain_policy())

    return middleware


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """The answer to a Host that is not ours. Django's own would cost two tracebacks in the log each time."""
    try:
        request.get_host()
    except DisallowedHost:
        return _harden(
            HttpResponseBadRequest("Nobody of that name here.\n", content_type="text/plain"), STRANGER_POLICY
        )
    return None


def _is_admin(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/")


def _is_app_page(request: HttpRequest, response: HttpResponse) -> bool:
    return not _is_admin(request) and response.headers.get("Content-Type", "").startswith("text/html")


def _protect(request: HttpRequest, response: HttpResponse, policy: str) -> HttpResponse:
    is_admin = _is_admin(request)
    # With no-referrer a browser posts forms with `Origin: null`, which the check against forgery refuses.
    response.headers["Referrer-Policy"] = "same-origin" if is_admin else "no-referrer"
    return _harden(response, ADMIN_POLICY if is_admin else policy)


def _harden(response: HttpResponse, policy: str) -> HttpResponse:
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    return response


def app_policy() -> str:
    """The content security policy of the app's page, which reaches chat ports and the places of the mirrors.

    It asks the database. Whoever adds a mirror elsewhere gives it to open pages with their next reload.
    """
    return APP_POLICY.format(others=" ".join([_sockets(), *mirror_origins()]))


def _plain_policy() -> str:
    """The same for what is no page: it fetches nothing, so no mirror's place needs to be known."""
    return APP_POLICY.format(others=_sockets())


def mirror_origins() -> list[str]:
    """The origins of the places where readers find the connection file, in the order of the mirrors, each once.

    None while the database is away: the page comes all the same and asks its own front door.
    Spec: 3.16
    """
    try:
        locations = public_locations()
    except DatabaseError as error:
        logger.warning("the page's policy names no mirrors: %s", type(error).__name__)
        return []
    return list(dict.fromkeys(origin for url in locations for origin in _origins_of(url)))


def _origins_of(url: str) -> tuple[str, ...]:
    match parse_place(url):
        case MegaFolder(gateway=gateway):
            return MEGA_ORIGINS if gateway == MEGA_GATEWAY else (_origin(gateway),)
        case WebPlace():
            return (_origin(url),)
    return ()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _sockets() -> str:
    if not settings.CLAWCHAT_ENDPOINT_TLS:
        return LOOPBACK_SOCKETS
    hosts = dict.fromkeys([settings.CLAWCHAT_HOST, *settings.CLAWCHAT_OTHER_HOSTS])
    return " ".join(f"wss://{in_url(host)}:*" for host in hosts)
