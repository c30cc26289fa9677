"""The page of the app."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def index(request: HttpRequest) -> HttpResponse:
    """The app's one page: an empty shell, the same for everybody."""
    return render(request, "chat/index.html", {"server_name": settings.CLAWCHAT_SERVER_NAME})
