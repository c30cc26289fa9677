"""The security headers of the front door, the content security policy above all."""

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.utils.decorators import sync_and_async_middleware

from .addresses import in_url

APP_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self' {sockets}; worker-src 'self'; manifest-src 'self'; "
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


@sync_and_async_middleware
def security_headers(get_response):
    """Middleware: puts the policy on every answer, static files included, and answers to our own names only."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponse:
            return _refusal(request) or _protect(request, await get_response(request))
    else:

        def middleware(request: HttpRequest) -> HttpResponse:
            return _refusal(request) or _protect(request, get_response(request))

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


def _protect(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    is_admin = request.path.startswith("/admin/")
    # With no-referrer a browser posts forms with `Origin: null`, which the check against forgery refuses.
    response.headers["Referrer-Policy"] = "same-origin" if is_admin else "no-referrer"
    return _harden(response, ADMIN_POLICY if is_admin else app_policy())


def _harden(response: HttpResponse, policy: str) -> HttpResponse:
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    return response


def app_policy() -> str:
    """The content security policy of the app's page and of everything but the admin."""
    if not settings.CLAWCHAT_ENDPOINT_TLS:
        return APP_POLICY.format(sockets=LOOPBACK_SOCKETS)
    hosts = dict.fromkeys([settings.CLAWCHAT_HOST, *settings.CLAWCHAT_OTHER_HOSTS])
    return APP_POLICY.format(sockets=" ".join(f"wss://{in_url(host)}:*" for host in hosts))
