"""The chat app's address on the front door."""

from django.urls import path

from . import views

urlpatterns = [path("", views.index, name="index")]
