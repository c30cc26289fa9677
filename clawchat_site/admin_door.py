"""Where the admin answers: under one host name of its own, or to this machine alone; never beside the app elsewhere.

Cookies ignore ports and scripts do not ignore origins, so what runs as the app must not be where an operator signs in.
"""

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.decorators import sync_and_async_middleware

from .this_machine import host_name, is_this_machine

ADMIN_PATH = "/admin/"
# What else answers under the admin's own name: its files, and what a monitor asks.
BESIDE = ("/static/", "/healthz", "/livez", "/readyz", "/metrics")


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
        if asks_for_admin and not is_this_machine(request):
            raise Http404
        return None
    is_admin_host = host_name(request) == settings.CLAWCHAT_ADMIN_HOST
    if asks_for_admin != is_admin_host and not request.path.startswith(BESIDE):
        if is_admin_host and request.path == "/":
            return HttpResponseRedirect(ADMIN_PATH)
        raise Http404
    return None
