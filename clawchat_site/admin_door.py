"""Where the admin answers: under one host name of its own, or to this machine alone; never beside the app elsewhere.

Cookies ignore ports and scripts do not ignore origins, so what runs as the app must not be where an operator signs in.
"""

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import sync_and_async_middleware

from chat.addresses import is_loopback

ADMIN_PATH = "/admin/"
# What else answers under the admin's own name: its files, and what a monitor asks.
BESIDE = ("/static/", "/healthz", "/livez", "/readyz", "/metrics")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@sync_and_async_middleware
def admin_door(get_response):
    """Middleware: lets the admin answer at its own door and nothing else there.

    Raises: Http404, as for a page that does not exist.
    """
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponse:
            return _elsewhere(request) or await get_response(request)
    else:

        def middleware(request: HttpRequest) -> HttpResponse:
            return _elsewhere(request) or get_response(request)

    return middleware


def _elsewhere(request: HttpRequest) -> HttpResponse | None:
    """None when the request is at the right door; the way to the admin for who asks for its host alone."""
    asks_for_admin = request.path.startswith(ADMIN_PATH) or request.path == ADMIN_PATH.rstrip("/")
    if not settings.CLAWCHAT_ADMIN_HOST:
        if asks_for_admin and not _is_this_machine(request):
            raise Http404
        return None
    is_admin_host = _host(request) == settings.CLAWCHAT_ADMIN_HOST
    if asks_for_admin != is_admin_host and not request.path.startswith(BESIDE):
        if is_admin_host and request.path == "/":
            return HttpResponseRedirect(ADMIN_PATH)
        raise Http404
    return None


def _is_this_machine(request: HttpRequest) -> bool:
    """Whether both the name that was asked for and who asks are loopback: the name alone anybody can write."""
    return _host(request) in LOOPBACK_NAMES and is_loopback(request.META.get("REMOTE_ADDR") or "")


def _host(request: HttpRequest) -> str:
    """The host name without port and brackets, in lower case. The name was checked against ALLOWED_HOSTS before."""
    host = request.get_host().lower()
    return host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]
