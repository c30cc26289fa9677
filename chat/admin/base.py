"""The common ground of the admin pages: rows to look at, without the bytes that are nobody's business."""

from datetime import UTC, datetime

from django.contrib import admin
from django.db import models
from django.http import HttpRequest


class LookedAt(admin.ModelAdmin):
    """Rows that the server writes and an operator only reads.

    Byte columns are not shown at all: keys, sealed secrets and ciphertext are all of that kind. What a subclass wants
    to show of them (an id, a fingerprint, a size) it names in `shown`.
    """

    shown: tuple[str, ...] = ()

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Every column but those of bytes, and what the subclass shows of these."""
        plain = [field.name for field in self.model._meta.fields if not isinstance(field, models.BinaryField)]
        return [*self.shown, *(name for name in plain if name != "id")]

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """All of them."""
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The server makes these rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """The server changes these rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """The server removes these rows."""
        return False


def short(identifier: bytes | memoryview | None) -> str:
    """An id as people compare it: its first 8 bytes in hex."""
    return bytes(identifier).hex()[:16] if identifier else "-"


def instant(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as the admin shows instants."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
