"""What `checkconnection` says before it asks anybody: the clock, the page, and a server that nobody serves."""

import time

import pytest
from django.utils import timezone

from chat.services.identity import current_identity
from clawchat.findings import Grade
from discovery import services
from rotation.models import Node
from rotation.services.connection_check import check_connection
from tests.discovery.conftest import compose


def grades(found) -> dict[str, Grade]:
    return {step.name: step.grade for step in found.steps if step.observations}


@pytest.fixture
def published(shelf, settings):
    """A file on the one mirror, whose place nobody serves."""
    settings.CLAWCHAT_FRONT_URL = "http://localhost:1"
    now = int(time.time())
    services.publish(compose(now), now)


def test_what_nobody_serves_is_named_and_the_port_is_tried_all_the_same(published):
    """The place is the reason; the port, which the database knows, was dialled too."""
    found = check_connection()

    assert found.verdict.code.startswith("place")
    assert grades(found)["places"] == Grade.WRONG
    assert grades(found)["port"] == Grade.WRONG
    assert found.verdict.remedy


def test_a_front_door_without_tls_elsewhere_is_named(published, settings):
    """Browsers keep no keys for such a page, so that comes before everything that follows."""
    settings.CLAWCHAT_FRONT_URL = "http://chat.example.org"

    found = check_connection()

    assert found.verdict.code == "context_insecure"
    assert "CLAWCHAT_TLS" in found.verdict.remedy


def test_a_clock_that_was_set_is_told(published):
    """In the words of the status; it explains a file that looks out of date, and not a port that is closed."""
    now = timezone.now()
    name = str(current_identity().public.fingerprint)[:8]
    Node.objects.create(name=name, host="localhost", started_at=now, seen_at=now, clock_jump=7200)

    found = check_connection()

    assert grades(found)["clock"] == Grade.NOTED
    assert any("7200 s" in each.sentence for each in found.steps[0].observations)
    assert found.verdict.code.startswith("place")
