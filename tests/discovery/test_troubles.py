"""Mirrors that need a look: told by what is wrong with them, over when they are well, off, or gone."""

import pytest

from chat.models import Alert
from discovery.models import Mirror
from discovery.services import troubles

pytestmark = pytest.mark.django_db


def mirror(name: str, state: str, error: str = "Its server does not answer.", **facts) -> Mirror:
    """A mirror in this state."""
    return Mirror.objects.create(kind="webdav", name=name, state=state, last_error=error, **facts)


def opened() -> dict[str, str]:
    """How urgent what is open is, by the mirror's name."""
    troubles.look()
    rows = Alert.objects.filter(kind="mirror", closed_at=None)
    return dict(rows.values_list("subject", "severity"))


def test_a_mirror_that_lies_is_urgent_and_one_that_needs_a_password_is_not() -> None:
    mirror("liar", "suspect", "It gives a connection.json that this server did not sign.")
    mirror("locked", "attention", "It does not take the password.")
    mirror("good", "well", "")
    mirror("off", "suspect", enabled=False)
    assert opened() == {"liar": "urgent", "locked": "warning"}
    assert Alert.objects.get(subject="locked").text == "Mirror locked: It does not take the password."


def test_it_is_over_when_the_mirror_is_well_off_or_gone() -> None:
    rows = [mirror(name, "attention") for name in ("one", "two", "three", "four")]
    assert len(opened()) == 4
    Mirror.objects.filter(pk=rows[0].pk).update(state="well")
    Mirror.objects.filter(pk=rows[1].pk).update(enabled=False)
    rows[2].delete()
    assert opened() == {"four": "warning"}
