"""What `checkconnection` says before it asks anybody: the clock, the page, and a server that nobody serves."""

import time
from functools import partialmethod

import pytest
from django.utils import timezone

from chat.models import ServerIdentity
from chat.services.identity import IDENTITY_PURPOSE, current_identity
from chat.services.secrets import seal_secret
from clawchat.client.walk import Walk
from clawchat.findings import Grade
from clawchat.protocol.keys import IdentityKey
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


def test_while_identities_hand_over_the_server_is_known_by_each(published, monkeypatch):
    """A reader may come before or after the moment at which the one signs in the other's place."""
    successor = IdentityKey.generate()
    public = bytes(successor.public)
    sealed = seal_secret(IDENTITY_PURPOSE, bytes(successor), public)
    ServerIdentity.objects.create(public=public, private_sealed=sealed, state=ServerIdentity.State.SUCCESSOR)
    walked = []
    monkeypatch.setattr(Walk, "__init__", partialmethod(_note_pins, Walk.__init__, walked))

    check_connection()

    assert walked == [[current_identity().public, successor.public]]


def _note_pins(self, init, walked, http, believing, tls) -> None:
    walked.append(list(believing.pins))
    init(self, http, believing, tls)


def test_a_clock_that_was_set_is_told(published):
    """In the words of the status; it explains a file that looks out of date, and not a port that is closed."""
    now = timezone.now()
    name = str(current_identity().public.fingerprint)[:8]
    Node.objects.create(name=name, host="localhost", started_at=now, seen_at=now, clock_jump=7200)

    found = check_connection()

    assert grades(found)["clock"] == Grade.NOTED
    assert any("7200 s" in each.sentence for each in found.steps[0].observations)
    assert found.verdict.code.startswith("place")
