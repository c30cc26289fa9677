"""Nothing in the console can show message text, room names or key material: every field of every model, every page.

Each model gets a row in which every column of bytes, and every text that is a secret, holds something recognisable;
then its list, its row, its history and its search are opened and looked through.
"""

import base64
import itertools
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

MODELS = [model for app in ("chat", "discovery", "rotation") for model in apps.get_app_config(app).get_models()]
# Columns of bytes that are names of things or proofs of a chain, which people compare; the rest is never shown.
PUBLIC = {
    *("chat.AuditCheckpoint.hash", "chat.AuditCheckpoint.public", "chat.AuditEvent.hash", "chat.AuditHead.hash"),
    *("chat.Device.device_id", "chat.DiscoverySecret.kid", "chat.Invite.invite_id", "chat.Member.user_id"),
    *("chat.Room.room_id", "chat.Revocation.subject"),
}
# Texts that open something: the path of a port lets whoever knows it knock.
SECRET_TEXTS = {"rotation.PortLease.path"}
# What a rule of the table, or a filter of the list, wants to be the same in each row.
ALWAYS = {"chat.AuditEvent.code": "code", "chat.DiscoveryWrap.invite": None}
# Of these there is one in use at a time.
SHARED = {"chat.ServerIdentity"}
WITHOUT_PAGE = {"discovery.RevocationList", "discovery.ServedFile", "discovery.PublicationResult"}
_numbers = itertools.count(1)


def name_of(field: models.Field) -> str:
    """As it stands in the sets above."""
    return f"{field.model._meta.label}.{field.name}"


def is_hidden(field: models.Field) -> bool:
    """Whether its value must be nowhere."""
    if isinstance(field, models.BinaryField):
        return name_of(field) not in PUBLIC
    return name_of(field) in SECRET_TEXTS


def value_for(field: models.Field, number: int) -> object:
    """A value of this field's type, another one for each number."""
    if name_of(field) in ALWAYS:
        return ALWAYS[name_of(field)]
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.BinaryField):
        length = min(field.max_length or 32, 32)
        return number.to_bytes(4, "big") + bytes((17 * index + number) % 251 for index in range(4, length))
    if isinstance(field, models.CharField):
        return f"w{number}"[-(field.max_length or 20) :] if name_of(field) not in SECRET_TEXTS else f"/hid{number:018}"
    if isinstance(field, models.DateTimeField):
        return timezone.now() + timedelta(seconds=number)
    if isinstance(field, models.JSONField):
        return [1, 2, 3] if field.default is list else {}
    if isinstance(field, models.BooleanField):
        return False
    return number % 30_000 if isinstance(field, models.IntegerField | models.FloatField) else None


def make(model: type[models.Model], depth: int = 0) -> models.Model:
    """A row with every column filled, and rows for what it refers to."""
    values = {}
    for field in model._meta.concrete_fields:
        number = next(_numbers)
        if isinstance(field, models.ForeignKey) and name_of(field) not in ALWAYS:
            values[field.name] = referred(field, depth)
        elif field.primary_key:
            if not isinstance(field, models.AutoField):
                model.objects.filter(pk=1).delete()
                values[field.name] = 1
        else:
            values[field.name] = value_for(field, number)
    return model.objects.create(**values)


def referred(field: models.ForeignKey, depth: int) -> models.Model | None:
    """What a row refers to; rows that are referred to themselves refer to what they must only."""
    if field.null and depth:
        return None
    model = field.related_model
    shared = model.objects.first() if model._meta.label in SHARED else None
    return shared or make(model, depth + 1)


def pages_of(row: models.Model) -> list[str]:
    """Its list, its own page, its history, and its list when it is searched."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
    own = [reverse(f"{name}_{page}", args=[row.pk]) for page in ("change", "history")]
    return [reverse(f"{name}_changelist"), f"{reverse(f'{name}_changelist')}?q=w1", *own]


def ways_to_write(value: object) -> list[str]:
    """How a secret may turn up in a page."""
    if isinstance(value, str):
        return [value]
    secret = bytes(value)
    return [secret.hex(), secret.hex()[:16], base64.b64encode(secret).decode(), repr(secret)[2:-1]]


def listed() -> list[type[models.Model]]:
    """Models that have pages."""
    return [model for model in MODELS if admin.site.is_registered(model)]


def test_every_model_has_a_page_or_a_reason():
    """What is kept can be looked at; without a page are the bodies of public files and the steps of carrying them."""
    assert {model._meta.label for model in MODELS} - {model._meta.label for model in listed()} == WITHOUT_PAGE


def test_the_public_columns_exist():
    """A renamed column would leave its exception behind."""
    for name in PUBLIC | SECRET_TEXTS:
        app, model, field = name.split(".")
        try:
            apps.get_model(app, model)._meta.get_field(field)
        except (LookupError, FieldDoesNotExist):
            pytest.fail(f"{name} is no column")


@pytest.mark.parametrize("model", listed(), ids=lambda model: model.__name__)
def test_no_page_shows_what_is_hidden(admin_client, model):
    """Neither whole nor shortened, neither in hex nor in base64 nor as Python writes bytes."""
    row = make(model)

    for page in pages_of(row):
        look_through(admin_client, page, [row])


def test_the_dashboard_shows_nothing_either(admin_client):
    """With a row of every model that there is."""
    rows = [model.objects.first() or make(model) for model in listed()]

    for page in (reverse("admin:index"), reverse("dashboard")):
        look_through(admin_client, page, rows)


def look_through(client, page: str, rows: list[models.Model]) -> None:
    """Open a page; what is hidden of these rows must not be in it."""
    answer = client.get(page)
    assert answer.status_code == 200, f"{page} answers {answer.status_code}"
    text = answer.content.decode()
    hidden = [(row, field) for row in rows for field in row._meta.concrete_fields if is_hidden(field)]
    values = [(name_of(field), getattr(row, field.attname)) for row, field in hidden]
    shown = [name for name, value in values if value and any(way in text for way in ways_to_write(value))]
    assert shown == [], f"{page} shows {shown}"


def unlimited() -> list[type[models.Model]]:
    """Models of which there may be many rows."""
    one = {"AuditHead", "ConnectionPolicy", "ServerIdentity"}
    return [model for model in listed() if model.__name__ not in one]


def queries_of(client, page: str) -> int:
    """How many questions a page asks of the database."""
    client.get(page)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(page).status_code == 200
    return len(asked)


@pytest.mark.parametrize("model", unlimited(), ids=lambda model: model.__name__)
def test_a_list_asks_as_much_for_many_rows_as_for_few(admin_client, model):
    """Ten thousand rows are as many questions as two: none is asked for each row."""
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for _ in range(2):
        make(model)
    few = queries_of(admin_client, page)
    for _ in range(6):
        make(model)

    assert queries_of(admin_client, page) == few
