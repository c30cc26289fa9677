"""The front door's addresses."""

from django.contrib import admin
from django.urls import include, path

from .health import healthz

urlpatterns = [
    path("healthz", healthz),
    path("admin/", admin.site.urls),
    path("", include("discovery.urls")),
    path("", include("chat.urls")),
]
