"""Visits to mirrors across the network, as the task queue makes them."""

import logging

import pytest
from kombu.exceptions import OperationalError

from discovery import services, tasks
from discovery.models import Mirror, PublicationResult
from discovery.services import carrying
from tests.discovery.conftest import NOW, MemoryMirror, compose


@pytest.fixture
def remote(memory, in_turn, monkeypatch):
    """The mirror in memory is one across the network."""
    monkeypatch.setattr(MemoryMirror, "is_local", False)


def test_task_carries_to_its_mirror(remote, handed_over):
    """What was handed over is done by the task, and done again it changes nothing."""
    publication = services.publish(compose(), NOW)
    before = services.publication_is_safe(publication)
    for result_id in handed_over * 2:
        tasks.carry_to_mirror(result_id)

    assert not before
    assert services.publication_is_safe(publication)
    assert PublicationResult.objects.get().attempts == 1


def test_task_is_sent_by_its_name(remote, monkeypatch):
    """The name under which a visit is handed over is the task's own."""
    assert tasks.carry_to_mirror.name == carrying.CARRY_TASK


def test_task_that_nobody_took_in_time_is_dropped(remote, monkeypatch):
    """A queue that was not emptied for a day holds no day's worth of visits."""
    sent = {}
    monkeypatch.setattr(carrying.current_app, "send_task", lambda name, **options: sent.update({name: options}))
    carrying._send(carrying.CARRY_TASK, 1)

    assert sent[carrying.CARRY_TASK]["expires"] == carrying.QUEUEING.total_seconds()


@pytest.mark.parametrize("error", [OperationalError("away"), OSError("away")])
def test_queue_that_is_away_leaves_the_visit_due(server, monkeypatch, caplog, error):
    """Without a task queue nothing breaks: the visit is waiting still, and is handed over again later."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(carrying.current_app, "send_task", refuse)
    with caplog.at_level(logging.WARNING):
        publication = services.publish(compose(), NOW)
    result = publication.results.get(mirror__kind="https_endpoint")

    assert "no task queue" in caplog.text
    assert result.state == PublicationResult.State.WAITING
    assert Mirror.objects.get(kind="local_file").last_serial == NOW
