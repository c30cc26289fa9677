"""Mirrors looked at as readers see them: older, foreign, forked, noise, silence; said once, and mended."""

import logging
from dataclasses import replace

import pytest

from chat.models import AuditEvent
from chat.services.identity import current_discovery_secret, current_identity
from clawchat.protocol.connection_file import seal_connection_file
from clawchat.protocol.fingerprint import server_id
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from discovery import services
from discovery.models import Mirror, PublicationResult
from discovery.services import carrying
from tests.discovery.conftest import NOW, MemoryMirror, compose, endpoint

State = Mirror.State


@pytest.fixture
def remote(memory, monkeypatch):
    """The mirror in memory is across the network, and has the newest file, and an older one existed."""
    services.publish(compose(), NOW)
    memory.older = memory.held["alpha"], memory.lists["alpha"]
    services.publish(compose(NOW + 10, endpoint(50_001)), NOW + 10)
    monkeypatch.setattr(memory, "is_local", False)
    return memory


def alpha() -> Mirror:
    return Mirror.objects.get(name="alpha")


def suspicions() -> list[str]:
    """What the audit log says of suspect mirrors."""
    return [event.details["finding"] for event in AuditEvent.objects.filter(code="mirror_suspect").order_by("pk")]


def forged(secret: DiscoverySecret, identity: IdentityKey, serial: int) -> bytes:
    """A file that somebody with these keys could make."""
    info = replace(compose(NOW + 10), serial=serial, server_public=identity.public, server_name="Other")
    return seal_connection_file(info, secret, identity, NOW + 10)


def stranger() -> bytes:
    """Another server's file under our discovery secret, as a revoked member could make it."""
    identity = IdentityKey.generate()
    info = replace(
        compose(NOW + 10), serial=NOW + 99, server_public=identity.public, server_id=server_id(identity.public)
    )
    return seal_connection_file(info, current_discovery_secret(), identity, NOW + 10)


def test_mirror_that_holds_the_file_is_well(remote):
    """Nothing is said, and nothing is put."""
    assert services.watch(alpha().pk, NOW + 20) == ""
    assert alpha().state == State.WELL
    assert suspicions() == []


@pytest.mark.parametrize("finding", ["older", "foreign", "forked", "ahead", "copy", "noise"])
def test_what_was_not_put_there_makes_a_mirror_suspect(remote, caplog, finding):
    """The admin and the audit log name it, once; the newest file is put there again."""
    files = {
        "older": lambda: remote.older[0],
        "foreign": stranger,
        "forked": lambda: forged(current_discovery_secret(), current_identity(), NOW + 10),
        "ahead": lambda: forged(current_discovery_secret(), current_identity(), NOW + 5000),
        "copy": lambda: forged(DiscoverySecret.generate(), current_identity(), NOW + 10),
        "noise": lambda: b"<!doctype html><title>Not found</title>",
    }
    newest = remote.held["alpha"]
    remote.held["alpha"] = files[finding]()
    with caplog.at_level(logging.WARNING):
        sentence = services.watch(alpha().pk, NOW + 20)
        services.watch(alpha().pk, NOW + 21)
    suspect, result = alpha(), PublicationResult.objects.order_by("-publication__serial").first()

    assert (suspect.state, suspect.last_error) == (State.SUSPECT, sentence)
    assert sentence
    assert suspicions() == ["forked" if finding in ("ahead", "copy") else finding]
    assert len([line for line in caplog.records if "alpha" in line.message]) == 1
    assert result.state == PublicationResult.State.FAILED
    services.carry_one(result.pk, NOW + 22)
    assert remote.held["alpha"] == newest


@pytest.mark.parametrize("finding", ["foreign", "forked"])
def test_mirror_that_lies_from_the_first_reading_on_is_suspect_at_once(memory, monkeypatch, finding):
    """Read back, it gives another file: no look is needed, and later attempts do not say it again."""
    services.publish(compose(), NOW)
    signer = current_identity() if finding == "forked" else IdentityKey.generate()
    monkeypatch.setattr(memory, "instead", forged(current_discovery_secret(), signer, NOW + 10))
    publication = services.publish(compose(NOW + 10, endpoint(50_001)), NOW + 10)
    services.carry(NOW + 400)

    assert publication.results.get().state == PublicationResult.State.FAILED
    assert alpha().state == State.SUSPECT
    assert suspicions() == [finding]


def test_older_file_right_after_a_put_is_a_caches_and_no_lie(memory, monkeypatch):
    """It is tried again, and nobody is accused."""
    services.publish(compose(), NOW)
    monkeypatch.setattr(memory, "instead", memory.held["alpha"])
    services.publish(compose(NOW + 10, endpoint(50_001)), NOW + 10)

    assert alpha().state == State.FAILING
    assert suspicions() == []


def test_suspicion_ends_with_a_look_and_not_with_a_put(remote):
    """A mirror that takes files and gives readers others does not clear itself by taking one more."""
    remote.held["alpha"] = remote.older[0]
    services.watch(alpha().pk, NOW + 20)
    services.carry_one(PublicationResult.objects.order_by("-publication__serial").first().pk, NOW + 21)
    after_put = alpha().state
    services.watch(alpha().pk, NOW + 90)

    assert (after_put, alpha().state, alpha().last_error) == (State.SUSPECT, State.WELL, "")


def test_silence_clears_no_suspect(remote):
    """Or who lied would only have to say nothing for a while, to be clear and unsaid."""
    remote.held["alpha"] = remote.older[0]
    services.watch(alpha().pk, NOW + 20)
    services.carry_one(PublicationResult.objects.order_by("-publication__serial").first().pk, NOW + 21)
    remote.held.clear()

    assert services.watch(alpha().pk, NOW + 90) == "There is nothing."
    assert alpha().state == State.SUSPECT


def test_mirror_that_falls_back_again_is_said_again(remote):
    """Once for each time, not once for ever."""
    for now in (NOW + 20, NOW + 200):
        remote.held["alpha"] = remote.older[0]
        services.watch(alpha().pk, now)
        services.carry_one(PublicationResult.objects.order_by("-publication__serial").first().pk, now + 1)
        services.watch(alpha().pk, now + 90)

    assert suspicions() == ["older", "older"]


def test_list_is_looked_at_too(remote):
    """A list that is not the one in the file is no list."""
    remote.lists["alpha"] = b"{}"

    assert "revocations.json" in services.watch(alpha().pk, NOW + 20)
    assert suspicions() == ["noise"]


def test_mirror_that_lost_the_file_is_failing_and_not_suspect(remote):
    """Silence is a fault and no lie: it is put there again."""
    remote.held.clear()

    assert services.watch(alpha().pk, NOW + 20) == "There is nothing."
    assert (alpha().state, suspicions()) == (State.FAILING, [])
    result = PublicationResult.objects.order_by("-publication__serial").first()
    assert result.state == PublicationResult.State.FAILED


def test_mirror_that_the_newest_file_has_not_reached_is_not_blamed(remote, handed_over):
    """While a file is on its way the older one is what is there."""
    services.publish(compose(NOW + 30, endpoint(50_002)), NOW + 30)

    assert services.watch(alpha().pk, NOW + 31) == ""
    assert suspicions() == []


def test_file_published_during_the_look_is_not_held_against_anybody(remote, monkeypatch):
    """What was read is compared with what was newest before and after."""
    get = remote.get

    def meanwhile(self, name):
        given = get(self, name)
        services.publish(compose(NOW + 30, endpoint(50_002)), NOW + 30)
        return given[::-1]

    monkeypatch.setattr(remote, "get", meanwhile)

    assert services.watch(alpha().pk, NOW + 31) == ""
    assert (alpha().state, suspicions()) == (State.WELL, [])


def test_mirrors_are_looked_at_now_and_then(remote, monkeypatch):
    """Every ten minutes, a suspect one every minute, and again at once when the clock was set back."""
    looks = []
    monkeypatch.setattr(carrying, "_hand_over_watch", looks.append)
    for now in (20, 21, 619, 620, 621):
        services.carry(NOW + now)
    often = len(looks)
    Mirror.objects.update(state=State.SUSPECT)
    for now in (640, 680, 681):
        services.carry(NOW + now)
    services.carry(NOW)

    assert (often, len(looks)) == (2, 4)


def test_mirrors_are_looked_at_where_no_worker_is(remote, monkeypatch):
    """Whoever decides alone looks by itself, as often as a task would, and waits for none of it."""
    handed, aside = [], []
    monkeypatch.setattr(carrying, "_hand_over_watch", handed.append)
    monkeypatch.setattr(carrying, "start_aside", aside.append)
    remote.held["alpha"] = remote.older[0]
    for now in (20, 21, 619, 620):
        services.carry(NOW + now, 1.0)
    before = alpha().state
    aside[0]()

    assert (len(handed), len(aside), before) == (0, 2, State.WELL)
    assert (alpha().state, suspicions()) == (State.SUSPECT, ["older"])


def test_local_mirror_needs_no_task_to_be_looked_at(memory, monkeypatch):
    """What costs nothing is looked at each time."""
    looks = []
    monkeypatch.setattr(carrying, "_hand_over_watch", looks.append)
    services.publish(compose(), NOW)
    MemoryMirror.held["alpha"] = b"something else"
    services.carry(NOW + 1)

    assert looks == []
    assert MemoryMirror.held["alpha"] != b"something else"
