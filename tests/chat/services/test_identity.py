"""The server's own keys, and secrets at rest."""

import stat

import pytest
from django.conf import settings as django_settings

from chat.models import AuditHead, ConnectionPolicy, DiscoverySecret, ServerIdentity
from chat.services import identity, secrets
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.key_schedule import key_id


def test_ensure_server_makes_everything_once(db):
    """A second call, and a second process, change nothing."""
    identity.ensure_server()
    before = (bytes(identity.current_identity()), bytes(identity.current_discovery_secret()))

    identity.ensure_server()

    assert (bytes(identity.current_identity()), bytes(identity.current_discovery_secret())) == before
    for model in (ServerIdentity, DiscoverySecret, ConnectionPolicy, AuditHead):
        assert model.objects.count() == 1


def test_a_missing_master_key_is_not_replaced(server, tmp_path, settings):
    """A new one would open nothing, and hide that the old one has to be found."""
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "master.key"

    with pytest.raises(secrets.MasterKeyError, match=r"master\.key is missing.*backup"):
        identity.ensure_server()

    assert not settings.CLAWCHAT_MASTER_KEY_FILE.exists()


def test_another_databases_master_key_is_named(server, tmp_path, settings):
    """It is a key, but it opens nothing here."""
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "master.key"
    secrets.master_key()

    with pytest.raises(secrets.MasterKeyError, match="does not open this database"):
        identity.ensure_server()


def test_a_master_key_that_cannot_be_made_is_named(tmp_path, settings):
    """The place it should lie in is a file."""
    (tmp_path / "file").write_text("")
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "file" / "master.key"

    with pytest.raises(secrets.MasterKeyError, match=r"master\.key cannot be read or made"):
        secrets.master_key()


def test_the_keys_fit_what_is_shown_of_them(server):
    """Public key, server id and kid are those of the sealed keys."""
    keys = identity.server_keys()

    assert bytes(ServerIdentity.objects.get().public) == bytes(keys.identity.public)
    assert bytes(DiscoverySecret.objects.get().kid) == key_id(keys.discovery_secret)
    assert keys.server_id == identity.server_id()


def test_keys_lie_sealed_in_the_database(server):
    """Whoever has the database alone has no key."""
    keys = identity.server_keys()

    assert bytes(keys.identity) not in bytes(ServerIdentity.objects.get().private_sealed)
    assert bytes(keys.discovery_secret) not in bytes(DiscoverySecret.objects.get().secret_sealed)


def test_a_sealed_secret_opens_for_its_purpose_and_row_only():
    """Moved to another row, another column or changed, it does not open."""
    sealed = secrets.seal_secret("device psk", b"secret", b"row 1")

    assert secrets.open_secret("device psk", sealed, b"row 1") == b"secret"
    for purpose, data, context in [
        ("device psk", sealed, b"row 2"),
        ("invite psk", sealed, b"row 1"),
        ("device psk", sealed[:-1] + bytes([sealed[-1] ^ 1]), b"row 1"),
        ("device psk", sealed[:12], b"row 1"),
    ]:
        with pytest.raises(Unauthentic):
            secrets.open_secret(purpose, data, context)


def test_the_master_key_is_made_once_and_for_its_owner_only(tmp_path, settings):
    """Mode 600 in a folder of mode 700, the same at every read."""
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "secrets" / "master.key"

    first = secrets.master_key()

    assert len(first) == 32
    assert secrets.master_key() == first
    assert stat.S_IMODE(settings.CLAWCHAT_MASTER_KEY_FILE.stat().st_mode) == 0o600
    assert [path.name for path in settings.CLAWCHAT_MASTER_KEY_FILE.parent.iterdir()] == ["master.key"]


def test_a_master_key_of_another_size_is_refused(tmp_path, settings):
    """A cut-off file must not quietly become another key."""
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "master.key"
    settings.CLAWCHAT_MASTER_KEY_FILE.write_bytes(b"short")

    with pytest.raises(secrets.MasterKeyError, match="restore it from the backup"):
        secrets.master_key()


def test_another_master_key_opens_nothing(server, tmp_path, settings):
    """A database that was carried off without its key file stays shut."""
    assert django_settings.CLAWCHAT_MASTER_KEY_FILE.exists()
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "master.key"

    with pytest.raises(Unauthentic):
        identity.current_identity()
