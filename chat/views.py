"""The page of the app."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from .shell import page


@require_safe
def index(_request: HttpRequest) -> HttpResponse:
    """The app's one page: an empty shell, the same for everybody."""
    return HttpResponse(page())
