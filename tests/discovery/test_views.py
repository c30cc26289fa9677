"""The front door's /connection.json and /revocations.json."""

import pytest

from discovery import services, views
from discovery.mirrors import FILE_NAME, LIST_NAME
from discovery.models import Mirror
from discovery.request_rate import MAX_ADDRESSES, RequestRate

FILE, LIST = b'{"sealed":1}', b'{"list":1}'


@pytest.fixture
def served(server):
    """The front door has a file."""
    services.ensure_mirrors()
    door = services.driver_of(Mirror.objects.get(kind="https_endpoint"))
    door.put(FILE_NAME, FILE)
    door.put(LIST_NAME, LIST)


@pytest.mark.parametrize(("path", "body"), [("/connection.json", FILE), ("/revocations.json", LIST)])
def test_file_is_served_as_it_is(served, client, path, body):
    """Anybody gets the bytes, from any page, asks again each time, and gets no cookie."""
    answer = client.get(path)

    assert answer.content == body
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-cache"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["ETag"].startswith('"')
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
def test_reader_who_has_it_is_told_so(served, client, form):
    """The entity tag of the file, alone or in a list, gives 304 without a body."""
    tag = client.get("/connection.json")["ETag"]
    answer = client.get("/connection.json", headers={"If-None-Match": form.format(tag=tag)})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["ETag"] == tag


def test_reader_who_has_another_gets_the_file(served, client):
    """A tag of an older file gives the new one."""
    assert client.get("/connection.json", headers={"If-None-Match": '"older"'}).content == FILE


def test_nothing_published_is_404(server, client):
    """Before the first publication, and while the mirror is off, there is no file."""
    before, list_before = client.get("/connection.json"), client.get("/revocations.json")
    services.ensure_mirrors()
    services.driver_of(Mirror.objects.get(kind="https_endpoint")).put(FILE_NAME, FILE)
    Mirror.objects.update(enabled=False)
    while_off = client.get("/connection.json")

    assert (before.status_code, list_before.status_code, while_off.status_code) == (404, 404, 404)


def test_nothing_can_be_sent_there(served, client):
    """Other methods are refused."""
    assert client.post("/revocations.json").status_code == 405
    assert client.post("/connection.json").status_code == 405
    assert client.head("/connection.json").status_code == 200


def test_address_that_asks_too_often_waits(served, client, monkeypatch):
    """Mallory's flood is answered 429; bob at another address is not touched."""
    monkeypatch.setattr(views, "RATE", RequestRate(per_minute=1, burst=2))
    mallory = [client.get("/connection.json", REMOTE_ADDR="192.0.2.1").status_code for _ in range(3)]
    bob = client.get("/connection.json", REMOTE_ADDR="192.0.2.2").status_code

    assert mallory == [200, 200, 429]
    assert bob == 200


def test_rate_refills_with_time():
    """A bucket gives its burst at once and then what the minute refills, loopback aside."""
    rate = RequestRate(per_minute=60, burst=2)

    assert [rate.allows("192.0.2.1", 10.0) for _ in range(3)] == [True, True, False]
    assert [rate.allows("192.0.2.1", 11.0) for _ in range(2)] == [True, False]
    assert all(rate.allows("127.0.0.1", 11.0) for _ in range(9))


def test_rate_remembers_a_bounded_number_of_addresses():
    """Many addresses do not fill the memory: the one that asked longest ago is forgotten."""
    rate = RequestRate(per_minute=1, burst=1)
    for number in range(MAX_ADDRESSES + 5):
        rate.allows(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)

    assert len(rate._buckets) == MAX_ADDRESSES
    assert rate.allows("10.0.0.0", 0.0)
