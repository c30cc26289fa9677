"""Passwords of mirrors: sealed in the row, and of no use in another row or under another master key."""

import pytest

from discovery.mirrors import MirrorError
from discovery.models import Mirror
from discovery.services.mirror_secrets import read_secrets, write_secrets

PASSWORD = "correct horse battery"


@pytest.fixture
def mirror(server) -> Mirror:
    """A mirror that has a password."""
    row = Mirror.objects.create(kind="webdav", name="Cloud")
    write_secrets(row, {"password": PASSWORD, "session": {"id": 7}})
    return row


def test_secrets_are_read_as_they_were_written(mirror):
    """What was sealed is opened again, from the object that was written and from the database."""
    assert read_secrets(mirror) == read_secrets(Mirror.objects.get()) == {"password": PASSWORD, "session": {"id": 7}}


def test_secrets_do_not_lie_in_the_row_in_the_clear(mirror):
    """Whoever reads the database learns the length alone."""
    assert PASSWORD.encode() not in bytes(Mirror.objects.get().secrets_sealed)


def test_no_secrets_are_an_empty_map(mirror):
    """A row without any, and one whose secrets were taken away."""
    write_secrets(mirror, {})

    assert read_secrets(Mirror.objects.get()) == {}
    assert Mirror.objects.get().secrets_sealed is None


def test_secrets_moved_to_another_row_do_not_open(mirror):
    """Somebody who can write to the database cannot make another mirror use this password."""
    other = Mirror.objects.create(kind="webdav", name="Mallory", secrets_sealed=mirror.secrets_sealed)

    with pytest.raises(MirrorError, match="enter it again") as error:
        read_secrets(other)
    assert error.value.needs_operator


def test_secrets_need_the_master_key(mirror, settings, tmp_path):
    """With another master key the operator is asked for the password again."""
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "other.key"

    with pytest.raises(MirrorError, match="master key"):
        read_secrets(mirror)
