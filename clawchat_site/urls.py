"""The front door's addresses."""

from django.contrib import admin
from django.urls import include, path

from .dashboard import dashboard_json
from .health import healthz, livez, readyz
from .metrics import metrics
from .worker import service_worker

admin.site.site_header = admin.site.site_title = "ClawChat"
admin.site.index_title = "The operator's side"

urlpatterns = [
    path("healthz", healthz),
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics),
    path("worker.js", service_worker),
    path("admin/dashboard.json", admin.site.admin_view(dashboard_json), name="dashboard"),
    path("admin/", admin.site.urls),
    path("", include("discovery.urls")),
    path("", include("chat.urls")),
]
