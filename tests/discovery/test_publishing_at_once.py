"""Two servers that have something to publish at the same moment."""

from chat.services import wraps
from discovery import services
from discovery.models import Publication, PublicationResult
from discovery.services.instants import instant
from tests.discovery.conftest import NOW, compose, endpoint


def publishing_meanwhile(monkeypatch, *endpoints) -> list[Publication]:
    """Let another server publish this while ours waits for its turn; the answer is what came of it."""
    lock, others = wraps.lock_secret, []

    def lock_after_the_other():
        monkeypatch.setattr(wraps, "lock_secret", lock)
        others.append(services.publish(compose(NOW, *endpoints), NOW))
        return lock()

    monkeypatch.setattr(wraps, "lock_secret", lock_after_the_other)
    return others


def test_what_another_has_just_published_is_not_published_again(memory, monkeypatch):
    """Both saw that it was due; who comes second takes what is there."""
    others = publishing_meanwhile(monkeypatch)

    ours = services.publish(compose(), NOW)

    assert [ours] == others == list(Publication.objects.all())


def test_what_another_did_not_know_is_published_after_it(memory, monkeypatch):
    """Under a serial of its own, so that readers see which is the newer."""
    others = publishing_meanwhile(monkeypatch, endpoint(50_001))

    ours = services.publish(compose(NOW, endpoint(50_002)), NOW)

    assert ours.serial == others[0].serial + 1


def test_an_attempt_at_a_mirror_is_ones_alone(memory, monkeypatch):
    """Of two that have read the same row, whoever claims it first."""
    monkeypatch.setattr(memory, "problem", "It is down.")
    services.publish(compose(), NOW)
    ours, theirs = PublicationResult.objects.get(), PublicationResult.objects.get()

    assert ours.claim(instant(NOW + 60))
    assert not theirs.claim(instant(NOW + 60))
