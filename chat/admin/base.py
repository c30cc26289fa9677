"""The common ground of the admin pages: rows to look at, without the bytes that are nobody's business."""

from collections.abc import Callable
from datetime import UTC, datetime

from django import forms
from django.contrib.admin import AdminSite, display
from django.db import models
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator


class LookedAt(ModelAdmin):
    """Rows that the server writes and an operator only reads.

    Byte columns are not shown at all: keys, sealed secrets and ciphertext are all of that kind. What a subclass wants
    to show of them (an id, a fingerprint, a size) it names in `shown`.
    """

    shown: tuple[str, ...] = ()
    show_full_result_count = False
    list_per_page = 50

    def __init__(self, model: type[models.Model], admin_site: AdminSite) -> None:
        super().__init__(model, admin_site)
        self._fields = [_as_text(self, field) for field in model._meta.fields if _is_shown(field)]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Every column but those of bytes, and what the subclass shows of these."""
        return [*self.shown, *self._fields]

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


class Entered(LookedAt):
    """Rows that an operator may make, too, by a form of their own; those that are there are looked at."""

    new_form: type[forms.ModelForm]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """What is asked for a new one; everything of one that there is."""
        return super().get_fields(request, obj) if obj else list(self.new_form.field_order)

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """All of one that there is."""
        return super().get_readonly_fields(request, obj) if obj else []

    def get_form(
        self, request: HttpRequest, obj: models.Model | None = None, change: bool = False, **kwargs: object
    ) -> type[forms.ModelForm]:
        """The form for a new one."""
        return super().get_form(request, obj, change, **kwargs) if obj else self.new_form


class Long(LookedAt):
    """Tables of a million rows: pages follow each other, and nobody counts them."""

    paginator = InfinitePaginator
    list_disable_select_all = True


def _is_shown(field: models.Field) -> bool:
    return not isinstance(field, models.BinaryField) and field.name != "id"


def _as_text(page: LookedAt, field: models.Field) -> str:
    """The name of a field on its page. The theme colours maps by inline styles, which our policy forbids."""
    if not isinstance(field, models.JSONField):
        return field.name
    name = f"{field.name}_as_text"
    setattr(page, name, _telling(field))
    return name


def _telling(field: models.JSONField) -> Callable[[models.Model], str]:
    @display(description=field.verbose_name)
    def tell(row: models.Model) -> str:
        return as_text(getattr(row, field.name))

    return tell


def as_text(value: object) -> str:
    """A map as people read it: `port 40123, nodes [1, 2]`; a dash for an empty one."""
    if not isinstance(value, dict):
        return str(value)
    return ", ".join(f"{key.replace('_', ' ')} {told}" for key, told in value.items()) or "-"


def short(identifier: bytes | memoryview | None) -> str:
    """An id as people compare it: its first 8 bytes in hex."""
    return bytes(identifier).hex()[:16] if identifier else "-"


def instant(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as the admin shows instants."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
