"""The front door's copies of the connection file and the revocation list."""

import time

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from clawchat.protocol.places import FILE_NAME, LIST_NAME

from .request_rate import RequestRate
from .services import served_file

# Readers ask for both when they start and when the port has moved; this leaves room for many behind one address.
RATE = RequestRate(per_minute=120, burst=60)


@require_safe
def connection_file(request: HttpRequest) -> HttpResponse:
    """The published file; 304 when the reader has it already, 404 before the first, 429 when asked too often."""
    return _served(request, FILE_NAME)


@require_safe
def revocation_list(request: HttpRequest) -> HttpResponse:
    """The published revocation list, on the same terms. Spec: 3.12"""
    return _served(request, LIST_NAME)


def _served(request: HttpRequest, name: str) -> HttpResponse:
    if not RATE.allows(request.META.get("REMOTE_ADDR", ""), time.monotonic()):
        return _sentence(429, "Too many requests from this address; try again in a minute.", {"Retry-After": "60"})
    served = served_file(name)
    if served is None:
        return _sentence(404, f"No {name} has been published here yet.")
    # Anyone may read it, from any page: without the discovery secret it is noise.
    headers = {"ETag": f'"{served.sha256}"', "Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"}
    if _has_it(request, headers["ETag"]):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(bytes(served.body), content_type="application/json", headers=headers)


def _has_it(request: HttpRequest, tag: str) -> bool:
    named = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    return tag in named or "*" in named


def _sentence(status: int, text: str, headers: dict[str, str] | None = None) -> HttpResponse:
    shared = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain", headers={**shared, **(headers or {})})
