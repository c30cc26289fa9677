"""From what should be said to a file that readers find."""

import json

import pytest
from django.db import transaction

from chat.services.identity import current_discovery_secret, current_identity, renew_discovery_secret
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.errors import Unauthentic, UnknownPeer
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from discovery import services
from discovery.models import Mirror, Publication, PublicationResult
from tests.discovery.conftest import GRACE, NEXT_ROTATION, NOW, compose, endpoint

State = PublicationResult.State


def open_file(data: bytes):
    return SealedConnectionFile.parse(data).open(current_discovery_secret(), [current_identity().public])


def test_compose_says_who_and_where(server, settings):
    """The composed file names the server, its ports, its validity and its mirrors."""
    settings.CLAWCHAT_ROTATION = {"interval": 3600.0, "lead": 120.0, "grace": 300.0}
    settings.CLAWCHAT_FRONT_URL = "https://chat.example.org"
    settings.CLAWCHAT_LOCATION = "the attic"
    info = compose()

    assert info.server_public == current_identity().public
    assert json.loads(info.encode())["metadata"]["location"] == "the attic"
    assert info.server_id.startswith("cc-")
    assert info.endpoints == (endpoint(),)
    assert (info.valid_from, info.valid_until) == (NOW, NEXT_ROTATION + 3600)
    assert (info.next_rotation, info.grace_seconds) == (NEXT_ROTATION, GRACE)
    assert info.urls == ("https://chat.example.org/connection.json",)


@pytest.mark.parametrize(("pq_required", "suites"), [(True, (2,)), (False, (2, 1))])
def test_the_file_lists_the_suites_that_are_taken(memory, settings, pq_required, suites):
    """So a client never offers what its server would not take; turning the floor on or off is something to say."""
    assert compose().suites == (2,)
    services.publish(compose(), NOW)
    settings.CLAWCHAT_PQ_REQUIRED = pq_required

    assert compose().suites == suites
    assert services.is_due(compose(NOW + 5), NOW + 5) is not pq_required


def test_published_file_opens_for_holders_of_the_secret_only(memory):
    """What lies on the mirror says what was composed, to holders of the secret who pin the server."""
    publication = services.publish(compose(), NOW)
    data = memory.held["alpha"]

    assert data == bytes(publication.body) == services.published_bytes()
    assert (open_file(data).serial, open_file(data).endpoints) == (NOW, (endpoint(),))
    with pytest.raises(UnknownPeer):
        SealedConnectionFile.parse(data).open(DiscoverySecret.generate(), [current_identity().public])
    with pytest.raises(Unauthentic):
        SealedConnectionFile.parse(data).open(current_discovery_secret(), [IdentityKey.generate().public])


def test_serial_follows_the_clock_and_never_falls(memory):
    """The serial is the time, or one more than the last when the clock went back."""
    first = services.publish(compose(), NOW)
    second = services.publish(compose(NOW - 500, endpoint(50_001)), NOW - 500)

    assert first.serial == NOW
    assert second.serial == NOW + 1
    assert open_file(bytes(second.body)).serial == NOW + 1


def test_same_content_is_published_once(memory):
    """A second call with nothing new to say makes no second publication; load is nothing new."""
    first = services.publish(compose(), NOW)
    again = services.publish(compose(NOW + 5, endpoint(load=0.7)), NOW + 5)

    assert again == first
    assert Publication.objects.count() == 1


def test_new_port_is_published(memory):
    """Another port is something to say."""
    services.publish(compose(), NOW)
    info = compose(NOW + 5, endpoint(), endpoint(50_001))

    assert services.is_due(info, NOW + 5)
    assert services.publish(info, NOW + 5).serial == NOW + 5


def test_half_validity_is_renewed(memory, settings):
    """The same content is sealed anew when half of the last file's validity is over, not before."""
    settings.CLAWCHAT_ROTATION = {"interval": 400.0, "lead": 120.0, "grace": 300.0}
    services.publish(compose(), NOW)

    assert not services.is_due(compose(NOW + 499), NOW + 499)
    assert services.is_due(compose(NOW + 500), NOW + 500)


def test_file_under_a_former_secret_is_renewed(memory):
    """The same content under another discovery secret is something to say."""
    services.publish(compose(), NOW)
    with transaction.atomic():
        renew_discovery_secret("a test", "operator")

    assert services.is_due(compose(NOW + 5), NOW + 5)


def test_publication_is_safe_once_read_back(memory):
    """A mirror that gives the very bytes back makes the publication safe and says so in its rows."""
    publication = services.publish(compose(), NOW)
    mirror = Mirror.objects.get(name="alpha")

    assert services.publication_is_safe(publication)
    assert (mirror.state, mirror.last_serial, mirror.last_error) == (Mirror.State.WELL, NOW, "")
    assert services.latest_publication() == publication


def test_lying_mirror_is_not_safe(memory, monkeypatch):
    """A mirror that gives other bytes back does not count, and the row says why."""
    monkeypatch.setattr(memory, "lies", True)
    publication = services.publish(compose(), NOW)
    result = publication.results.get()

    assert not services.publication_is_safe(publication)
    assert (result.state, result.detail) == (State.FAILED, "It gave back other bytes than were put there.")
    assert services.published_bytes() is None


def test_local_mirror_that_lost_the_file_gets_it_again(memory):
    """Somebody took it away; the next look puts it back, long before there is anything new to say."""
    publication = services.publish(compose(), NOW)
    memory.held["alpha"] = b"something else"
    services.carry(NOW + 5)

    assert memory.held["alpha"] == bytes(publication.body)
    assert services.publication_is_safe(publication)


def test_mirror_that_is_down_is_tried_again_later(memory, monkeypatch):
    """A failed visit is repeated with growing pauses until it works; an early call changes nothing."""
    monkeypatch.setattr(memory, "problem", "The disk is full.")
    publication = services.publish(compose(), NOW)
    services.carry(NOW)
    services.carry(NOW + 1)
    failed = publication.results.get()
    monkeypatch.setattr(memory, "problem", "")
    services.carry(NOW + 2)
    too_early = services.publication_is_safe(publication)
    services.carry(NOW + 3)

    assert (failed.state, failed.attempts, failed.detail) == (State.FAILED, 2, "The disk is full.")
    assert not too_early
    assert services.publication_is_safe(publication)
    assert Mirror.objects.get(name="alpha").state == Mirror.State.WELL


def test_mirror_does_not_wait_for_a_time_from_before_the_clock_was_set_back(memory, monkeypatch):
    """An attempt put off while the clock was an hour ahead is made once the clock is right."""
    monkeypatch.setattr(memory, "problem", "The disk is full.")
    publication = services.publish(compose(), NOW)
    services.carry(NOW + 3600)
    monkeypatch.setattr(memory, "problem", "")
    services.carry(NOW)

    assert services.publication_is_safe(publication)


def test_one_good_mirror_is_enough(memory, monkeypatch):
    """A mirror that fails does not keep a publication from being safe on another, and readers get it."""
    Mirror.objects.create(kind="https_endpoint", name="other")
    publication = services.publish(compose(), NOW)
    other = publication.results.get(mirror__name="other")

    assert services.publication_is_safe(publication)
    assert other.state == State.WAITING


def test_remote_mirror_is_handed_to_a_task_once(memory, handed_over):
    """A mirror across the network is left to one task; it is handed out again only when that one was lost."""
    Mirror.objects.create(kind="https_endpoint", name="other")
    publication = services.publish(compose(), NOW)
    services.carry(NOW + 1)
    at_first = list(handed_over)
    services.carry(NOW + 61)
    pk = publication.results.get(mirror__name="other").pk

    assert at_first == [pk]
    assert handed_over == [pk, pk]


def test_older_publication_is_superseded(memory, monkeypatch):
    """A file that never arrived is not put over a newer one."""
    monkeypatch.setattr(memory, "problem", "The disk is full.")
    older = services.publish(compose(), NOW)
    monkeypatch.setattr(memory, "problem", "")
    newer = services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5)

    assert older.results.get().state == State.SUPERSEDED
    assert services.carry_one(older.results.get().pk, NOW + 6) == State.SUPERSEDED
    assert memory.held["alpha"] == bytes(newer.body)


def test_slow_visit_does_not_leave_an_older_file(memory, monkeypatch):
    """When a newer file was published during a visit, the mirror ends with the newer one."""
    newer = []
    put = memory.put

    def slow_put(self, name, data):
        if not newer:
            newer.append(services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5))
        put(self, name, data)

    monkeypatch.setattr(memory, "put", slow_put)
    services.publish(compose(), NOW)

    assert memory.held["alpha"] == bytes(newer[0].body)


def test_mirror_is_visited_outside_of_transactions(memory, monkeypatch):
    """No transaction of discovery's own is open while a mirror is visited."""
    depths = []
    monkeypatch.setattr(memory, "check", lambda self: depths.append(len(transaction.get_connection().savepoint_ids)))
    before = len(transaction.get_connection().savepoint_ids)
    services.publish(compose(), NOW)

    assert depths == [before]


def test_disabled_mirror_is_left_alone(memory):
    """A mirror that an operator turned off gets nothing and its address is not published."""
    Mirror.objects.filter(name="alpha").update(enabled=False)
    publication = services.publish(compose(), NOW)

    assert publication.results.count() == 0
    assert compose().urls == ()
    assert memory.held == {}


def test_old_publications_are_deleted_but_never_the_one_readers_have(memory, monkeypatch):
    """The newest few stay, and the newest that is safe stays however old it is."""
    monkeypatch.setattr(services.publications, "KEPT", 2)
    safe = services.publish(compose(), NOW)
    monkeypatch.setattr(memory, "problem", "The disk is full.")
    for number in range(1, 5):
        services.publish(compose(NOW + number, endpoint(50_000 + number)), NOW + number)
    kept_while_failing = set(Publication.objects.values_list("serial", flat=True))
    monkeypatch.setattr(memory, "problem", "")
    services.publish(compose(NOW + 9, endpoint(50_009)), NOW + 9)
    services.publish(compose(NOW + 10, endpoint(50_010)), NOW + 10)

    assert safe.serial in kept_while_failing
    assert list(Publication.objects.order_by("serial").values_list("serial", flat=True)) == [NOW + 9, NOW + 10]


def test_result_moves_along_its_table_only(memory):
    """A settled result is not moved, and of two writers one wins."""
    result = services.publish(compose(), NOW).results.get()
    stale = PublicationResult.objects.get(pk=result.pk)
    stale.state = State.WAITING

    with pytest.raises(ValueError, match="does not go from safe"):
        result.move(State.SUPERSEDED, detail="", at=result.at, next_attempt_at=result.at)
    assert not stale.move(State.FAILED, detail="", at=result.at, next_attempt_at=result.at)
    assert PublicationResult.objects.get(pk=result.pk).state == State.SAFE
