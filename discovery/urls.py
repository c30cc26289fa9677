"""The addresses of discovery on the front door."""

from django.urls import path

from . import views

urlpatterns = [
    path("connection.json", views.connection_file, name="connection_file"),
    path("revocations.json", views.revocation_list, name="revocation_list"),
]
