"""The monitors' door: who may ask how the server is. For everybody else it is not there."""

import functools
import hmac
from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from .this_machine import is_this_machine

View = Callable[[HttpRequest], HttpResponse]
BEARER = "Bearer "
# What they ask for. Other requests do not keep them waiting.
PATHS = ("/livez", "/readyz", "/metrics")


def for_monitors(view: View) -> View:
    """The view, for this machine and for who brings CLAWCHAT_METRICS_TOKEN as `Authorization: Bearer`.

    Raises: Http404 for everybody else, as for a page that does not exist.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not (brings_token(request) or is_this_machine(request)):
            raise Http404
        response = view(request)
        response.headers["Cache-Control"] = "no-store"
        return response

    return guarded


def brings_token(request: HttpRequest) -> bool:
    """Whether the request has the operator's token, compared in constant time. No token set: nobody has it."""
    token = settings.CLAWCHAT_METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    if not token or not given.startswith(BEARER):
        return False
    return hmac.compare_digest(given.removeprefix(BEARER).encode(), token.encode())
