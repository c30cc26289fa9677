"""`/worker.js`: one script for each version of the app."""

import json
import re

import pytest
from django.db import DatabaseError

from chat import shell
from clawchat_site import headers
from tests.house.source import ROOT

pytestmark = pytest.mark.django_db


def listed(answer) -> tuple[str, dict[str, str]]:
    """Version and files that a worker was given."""
    constants = constants_of(answer)
    return constants["VERSION"], constants["FILES"]


def constants_of(answer) -> dict:
    """What stands in front of a worker's script."""
    found = re.findall(r'^const ([A-Z]+) = (".*?"|\{.*?\n\});$', answer.content.decode(), re.DOTALL | re.MULTILINE)
    return {name: json.loads(text) for name, text in found[:3]}


def test_the_worker_comes_with_the_files_of_its_version(client):
    """The list, then the script as it is written; a browser asks for it anew each time, and without cookies."""
    answer = client.get("/worker.js")

    version, files = listed(answer)
    assert len(version) == 16
    assert files == shell.files()
    assert answer.content.decode().endswith((ROOT / "static/js/worker/service_worker.js").read_text())
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["Cache-Control"] == "no-cache"
    assert not answer.cookies


def test_the_worker_may_reach_its_own_origin_only(client):
    """Its policy is narrower than the page's: no scripts, no chat ports, no mirrors."""
    assert client.get("/worker.js")["Content-Security-Policy"] == (
        "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; object-src 'none'"
    )


def test_an_unchanged_worker_is_not_sent_again(client):
    """304 for the one at hand."""
    first = client.get("/worker.js")

    again = client.get("/worker.js", headers={"if-none-match": first["ETag"]})

    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])


def test_another_file_is_another_version(client, monkeypatch):
    """Browsers compare the script byte for byte; that is how they notice."""
    before = client.get("/worker.js")
    files = shell.files()
    monkeypatch.setattr("clawchat_site.worker.files", lambda: {**files, "/static/js/app.js": "sha256-other"})

    after = client.get("/worker.js")

    assert after["ETag"] != before["ETag"]
    assert listed(after)[0] != listed(before)[0]


def test_another_policy_of_the_page_is_another_version(client, monkeypatch):
    """The page is kept with its headers: without this a new mirror could not be reached while the front is away."""
    before = client.get("/worker.js")
    monkeypatch.setattr("clawchat_site.worker.app_policy", lambda: headers.STRANGER_POLICY)

    after = client.get("/worker.js")

    assert listed(after)[0] != listed(before)[0]
    assert listed(after)[1] == listed(before)[1]


def test_another_code_of_the_worker_is_another_version(client, monkeypatch, tmp_path):
    """Else the next worker would be put together in the very cache that the one in use answers from."""
    before = client.get("/worker.js")
    other = tmp_path / "service_worker.js"
    other.write_text("// other\n")
    monkeypatch.setattr("clawchat_site.worker.finders.find", lambda _: other)
    monkeypatch.setattr("clawchat_site.worker.files", lambda: listed(before)[1])

    after = client.get("/worker.js")

    assert listed(after)[0] != listed(before)[0]
    assert listed(after)[1] == listed(before)[1]


def test_the_worker_knows_the_policy_that_its_page_must_come_with(client):
    """A page that comes with another is not kept."""
    policy = constants_of(client.get("/worker.js"))["POLICY"]

    assert policy == client.get("/")["Content-Security-Policy"]


def test_no_version_is_made_while_the_database_is_away(client, monkeypatch):
    """Its page would be let reach no mirror; browsers keep what they have and ask again later."""

    def away():
        raise DatabaseError("secret host name")

    monkeypatch.setattr("clawchat_site.worker.public_locations", away)

    answer = client.get("/worker.js")

    assert (answer.status_code, answer.content) == (503, b"The database does not answer.\n")


def test_only_reading_is_allowed(client):
    """405 for the rest."""
    assert client.post("/worker.js").status_code == 405
    assert client.post("/").status_code in (403, 405)
