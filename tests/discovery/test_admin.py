"""Mirrors in the admin: added by kind, filled in, with secrets that go in and never come out."""

import json

import pytest
from django.contrib.auth.models import User

from discovery import services
from discovery.models import Mirror
from discovery.services.mirror_secrets import read_secrets, write_secrets
from tests.discovery.conftest import NOW, compose

PASSWORD = "correct horse battery"
LINK = "https://mega.nz/folder/abcdefgh#AAECAwQFBgcICQoLDA0ODw"
WEBDAV = {"name": "Cloud", "enabled": "on", "folder": "https://cloud.example.org/dav", "user": "alice"}
WEBDAV |= {"password": PASSWORD, "public": "https://cloud.example.org/public/connection.json"}
STORAGE = {
    "name": "Bucket",
    "backend": "storages.backends.s3.S3Storage",
    "options": json.dumps({"bucket_name": "mirror"}),
    "secret_options": json.dumps({"secret_key": PASSWORD}),
    "public": "https://bucket.example.org/connection.json",
}
MEGA = {"name": "Folder", "enabled": "on", "email": "a@example.org", "password": PASSWORD, "link": LINK}


@pytest.fixture
def alice(server, client):
    """An operator who is logged in."""
    client.force_login(User.objects.create_superuser("alice"))
    return client


def add(client, kind: str) -> Mirror:
    """A new mirror, not filled in yet."""
    answer = client.post("/admin/discovery/mirror/add/", {"name": "New", "kind": kind})
    mirror = Mirror.objects.get(kind=kind)
    assert answer.headers["Location"] == page_of(mirror)
    return mirror


def page_of(mirror: Mirror) -> str:
    return f"/admin/discovery/mirror/{mirror.pk}/change/"


def test_options_that_are_no_secrets_are_taken(alice):
    """Only names and addresses that give one away are refused."""
    mirror = add(alice, "storage")
    options = {"bucket_name": "b", "endpoint_url": "https://a.example/x@y", "object_parameters": {"SSEKMSKeyId": "x"}}
    alice.post(page_of(mirror), {**STORAGE, "options": json.dumps(options)})

    assert Mirror.objects.get(pk=mirror.pk).options["options"] == options


@pytest.mark.parametrize(
    ("kind", "fields", "options", "secrets"),
    [
        (
            "webdav",
            WEBDAV,
            {"folder": WEBDAV["folder"], "user": "alice", "public": WEBDAV["public"]},
            {"password": PASSWORD},
        ),
        (
            "storage",
            STORAGE,
            {"backend": STORAGE["backend"], "options": {"bucket_name": "mirror"}, "public": STORAGE["public"]},
            {"options": {"secret_key": PASSWORD}},
        ),
        ("mega", MEGA, {"email": "a@example.org"}, {"password": PASSWORD, "link": LINK}),
    ],
)
def test_a_mirror_is_added_filled_in_and_shows_no_secret(alice, kind, fields, options, secrets):
    """It is off until it was filled in; what is secret is sealed and in no page, also when it is saved once more."""
    mirror = add(alice, kind)
    before = mirror.enabled
    alice.post(page_of(mirror), fields)
    mirror.refresh_from_db()
    page = alice.get(page_of(mirror)).content.decode()
    again = {name: value for name, value in fields.items() if name not in ("password", "secret_options", "link")}
    answer = alice.post(page_of(mirror), {**again, "name": "Renamed"})

    assert not before
    assert (mirror.enabled, mirror.options) == ("enabled" in fields, options)
    assert read_secrets(mirror) == secrets
    assert answer.status_code == 302
    assert read_secrets(Mirror.objects.get(name="Renamed")) == secrets
    assert PASSWORD not in page
    assert LINK not in page
    assert LINK.partition("#")[2] not in page


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("webdav", {**WEBDAV, "folder": "http://cloud.example.org/dav"}, "begins with https://"),
        ("webdav", {**WEBDAV, "public": "ftp://cloud.example.org"}, "begins with https://"),
        ("storage", {**STORAGE, "backend": "os.system"}, "It has to begin with"),
        ("storage", {**STORAGE, "options": "[1]"}, "Write it as"),
        ("storage", {**STORAGE, "options": '{"secret_key": "x"}'}, "Put passwords and keys"),
        ("storage", {**STORAGE, "options": '{"connection_string": "x"}'}, "Put passwords and keys"),
        ("storage", {**STORAGE, "options": '{"sas_token": "x"}'}, "Put passwords and keys"),
        ("storage", {**STORAGE, "options": '{"oauth2_access_token": "x"}'}, "Put passwords and keys"),
        ("storage", {**STORAGE, "options": '{"credentials": {}}'}, "Put passwords and keys"),
        ("storage", {**STORAGE, "options": '{"params": [{"Password": "x"}]}'}, "Put passwords and keys"),
        ("storage", {**STORAGE, "options": '{"AccountKey": "x"}'}, "Put passwords and keys"),
        ("storage", {**STORAGE, "options": '{"location": "ftp://me:x@a.example/b"}'}, "Put passwords and keys"),
        ("mega", {**MEGA, "link": "https://mega.nz/file/abcdefgh#x"}, "no link of a folder"),
    ],
)
def test_what_cannot_work_is_refused_with_its_remedy(alice, kind, fields, words):
    """Nothing of it is stored, and a refused secret is not shown either."""
    mirror = add(alice, kind)
    page = alice.post(page_of(mirror), fields).content.decode()
    mirror.refresh_from_db()

    assert words in page
    assert (mirror.options, mirror.secrets_sealed, mirror.enabled) == ({}, None, False)
    assert PASSWORD not in page


def test_new_password_ends_the_session_of_the_old(alice):
    """A kept session belongs to what was entered before."""
    mirror = add(alice, "mega")
    write_secrets(mirror, {"password": "older", "link": LINK, "session": {"id": "x"}})
    alice.post(page_of(mirror), MEGA)

    assert read_secrets(Mirror.objects.get(pk=mirror.pk)) == {"password": PASSWORD, "link": LINK}


def test_secrets_of_another_master_key_are_entered_anew(alice):
    """The page opens and takes a new password."""
    mirror = add(alice, "webdav")
    Mirror.objects.update(secrets_sealed=b"x" * 60)

    assert alice.get(page_of(mirror)).status_code == 200
    alice.post(page_of(mirror), WEBDAV)
    assert read_secrets(Mirror.objects.get(pk=mirror.pk)) == {"password": PASSWORD}


def test_default_mirrors_stay_and_added_ones_can_go(alice):
    """What every server has is disabled instead of deleted."""
    services.ensure_mirrors()
    mirror = add(alice, "webdav")
    front = Mirror.objects.get(kind="https_endpoint")
    kept = alice.post(f"/admin/discovery/mirror/{front.pk}/delete/", {"post": "yes"})
    alice.post(f"/admin/discovery/mirror/{mirror.pk}/delete/", {"post": "yes"})

    assert kept.status_code == 403
    assert [row.kind for row in Mirror.objects.order_by("pk")] == ["local_file", "https_endpoint"]


def test_new_mirror_gets_the_file_with_the_next_publication(alice, handed_over):
    """Its address is news: the file is published anew, and carried there."""
    services.publish(compose(), NOW)
    mirror = add(alice, "webdav")
    alice.post(page_of(mirror), WEBDAV)
    due = services.is_due(compose(NOW + 1), NOW + 1)
    services.publish(compose(NOW + 1), NOW + 1)

    assert due
    assert services.latest_publication().results.filter(mirror=mirror).exists()


def test_list_of_mirrors_shows_how_they_fare(alice):
    """State and reason stand in the list, and no secret."""
    services.ensure_mirrors()
    Mirror.objects.filter(kind="local_file").update(state=Mirror.State.SUSPECT, last_error="It gives an older file.")
    page = alice.get("/admin/discovery/mirror/").content.decode()

    assert "gives back what was not put there" in page
    assert "It gives an older file." in page


def test_what_is_filled_in_for_the_first_time_is_to_be_used(alice):
    """The box is ticked until the operator says otherwise; after that it shows what was said."""
    mirror = add(alice, "webdav")
    first = alice.get(page_of(mirror)).context["adminform"].form["enabled"].value()
    alice.post(page_of(mirror), {name: value for name, value in WEBDAV.items() if name != "enabled"})
    later = alice.get(page_of(mirror)).context["adminform"].form["enabled"].value()

    assert (first, later) == (True, False)


def test_kinds_of_mirrors_are_told_in_words(alice):
    """No code of ours stands in the list."""
    services.ensure_mirrors()
    page = alice.get("/admin/discovery/mirror/").content.decode()

    assert "File on this machine" in page
    assert "local_file" not in page
