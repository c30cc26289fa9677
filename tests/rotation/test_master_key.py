"""The master key changes under load: everything is sealed anew, nothing is lost, and the old key opens nothing."""

import os
import threading

import pytest
from django.apps import apps
from django.db import connection, models

from chat.models import AlertChannel, AuditEvent, Invite, ServerIdentity
from chat.services import channels, identity, master_key, sealed_columns, secrets
from chat.services.invites import create_invite
from chat.services.master_key import MasterKey, MasterKeyError, add_master_key, drop_former_master_key, master_keys
from chat.services.sealed import open_invite_psk, seal_invite_psk
from chat.services.sealed_columns import reseal
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.invite import Invite as InviteText
from clawchat.protocol.key_schedule import expand_label
from clawchat.protocol.keys import PreSharedKey
from clawchat.protocol.primitives import NONCE_BYTES, aead_key, aead_seal, random_bytes
from discovery.models import Mirror
from discovery.services import mirror_secrets
from rotation.services.key_kinds import KeyNotChanged, Order
from rotation.services.master_kind import COLUMNS, MOST_PASSES, SETTLE_SECONDS, MasterKind

ORDER = Order("operator")


@pytest.fixture
def key_file(tmp_path, settings):
    """A master key of this test's own."""
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "master.key"
    return settings.CLAWCHAT_MASTER_KEY_FILE


@pytest.fixture
def server(key_file, transactional_db):
    """A database that is sealed by it."""
    identity.ensure_server()


def seal_as_before(purpose: str, plaintext: bytes, context: bytes) -> bytes:
    """What version 0.1 wrote: a nonce and the ciphertext, without a word on the key."""
    key, nonce = aead_key(expand_label(secrets.master_key(), "at rest", purpose.encode())), random_bytes(NONCE_BYTES)
    return nonce + aead_seal(key, nonce, plaintext, purpose.encode() + b"\0" + context)


def sealed_values() -> list[bytes]:
    """Everything in the database that is sealed."""
    return [bytes(value) for column in COLUMNS for value in column.filled().values_list(column.name, flat=True)]


def test_every_sealed_column_is_known():
    """Whoever adds one adds it to the list, or the next change of the master key would lose it."""
    there = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.BinaryField) and field.name.endswith("_sealed")
    }

    assert {(column.model, column.name) for column in COLUMNS} == there


def test_a_change_seals_everything_anew(server, key_file):
    """Identity, discovery secret, invitation, mirror, channel: the same secrets, under another key, and one in file."""
    mirror, channel = (
        Mirror.objects.create(name="M", kind="webdav"),
        AlertChannel.objects.create(name="C", kind="slack"),
    )
    mirror_secrets.write_secrets(mirror, {"password": "x"})
    channels.write_secrets(channel, {"url": "y"})
    invite = InviteText.parse(create_invite().text)
    before, old_key, old_values = identity.server_keys(), key_file.read_bytes(), sealed_values()

    MasterKind(settle_seconds=0).change(ORDER)

    assert len(key_file.read_bytes()) == 32 and key_file.read_bytes() != old_key
    assert identity.server_keys() == before
    assert open_invite_psk(Invite.objects.get()) == invite.invite_psk
    for row in (mirror, channel):
        row.refresh_from_db()
    assert mirror_secrets.read_secrets(mirror) == {"password": "x"}
    assert channels.read_secrets(channel) == {"url": "y"}
    assert len(old_values) == 5 and not set(old_values) & set(sealed_values())
    assert AuditEvent.objects.get(code="master_key_changed").details == {"values": 5}


def test_the_old_key_opens_nothing(server, key_file, tmp_path, settings):
    """Neither what is there now nor, with the new key, a copy of what was there before."""
    old_key, row = key_file.read_bytes(), ServerIdentity.objects.get()
    old_value = bytes(row.private_sealed)
    MasterKind(settle_seconds=0).change(ORDER)

    with pytest.raises(Unauthentic):
        secrets.open_secret(identity.IDENTITY_PURPOSE, old_value, bytes(row.public))
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "old.key"
    settings.CLAWCHAT_MASTER_KEY_FILE.write_bytes(old_key)
    with pytest.raises(Unauthentic):
        identity.current_identity()


def test_what_version_0_1_sealed_opens_until_it_is_sealed_anew(server):
    """Also one whose first byte, which is random, looks like the new form's."""
    row = ServerIdentity.objects.get()
    key, public = identity.current_identity(), bytes(row.public)
    for first in (None, b"\x01"):
        old = seal_as_before(identity.IDENTITY_PURPOSE, bytes(key), public)
        while first is not None and old[:1] != first:
            old = seal_as_before(identity.IDENTITY_PURPOSE, bytes(key), public)
        ServerIdentity.objects.update(private_sealed=old)

        assert identity.current_identity() == key

        add_master_key()
        assert identity.current_identity() == key
        MasterKind(settle_seconds=0).change(ORDER)
        assert identity.current_identity() == key
        row.refresh_from_db()
        assert secrets.is_sealed_under_key_in_use(bytes(row.private_sealed))


def test_a_server_goes_over_to_the_new_key_without_a_restart(key_file):
    """While both are in the file it opens what names either, and seals under the new one alone."""
    before = secrets.seal_secret("device psk", b"old", b"row")
    add_master_key()
    after = secrets.seal_secret("device psk", b"new", b"row")

    assert [secrets.open_secret("device psk", sealed, b"row") for sealed in (before, after)] == [b"old", b"new"]
    assert before[1:9] == master_keys()[1].id and after[1:9] == master_keys()[0].id

    drop_former_master_key(master_keys()[0].id)
    assert secrets.open_secret("device psk", after, b"row") == b"new"
    with pytest.raises(Unauthentic):
        secrets.open_secret("device psk", before, b"row")


def test_an_interrupted_change_goes_on(server, key_file):
    """The second attempt makes no third key, and ends what the first began."""
    keys = identity.server_keys()
    add_master_key()
    new = master_keys()[0]
    assert "interrupted" in MasterKind().standing()

    MasterKind(settle_seconds=0).change(ORDER)

    assert master_keys() == (new,)
    assert identity.server_keys() == keys


def test_three_changes_at_once_lose_nothing(server, key_file, monkeypatch):
    """The third begins when the first has ended, and before the second, which went along with the first, has."""
    keys = identity.server_keys()

    def meanwhile(seconds: float) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        MasterKind().change(ORDER)
        add_master_key()

    add_master_key()
    monkeypatch.setattr("time.sleep", meanwhile)
    with pytest.raises(KeyNotChanged, match="Another change of the master key has begun"):
        MasterKind().change(ORDER)

    assert len(master_keys()) == 2
    assert identity.server_keys() == keys


def test_a_key_survives_a_power_cut_before_anything_is_sealed_under_it(key_file, monkeypatch):
    """Its folder is on the disk, too, when it is made and when it is replaced."""
    synced, sync = [], os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    for change in (master_keys, add_master_key):
        synced.clear()
        change()
        assert len(synced) == 2 and synced[0].startswith(f"{key_file}.") and synced[1] == str(key_file.parent)


def test_what_a_crash_left_beside_the_file_goes_with_the_next_change(server, key_file):
    """It holds the very key that was to be gone; everything else in that folder stays."""
    key_file.with_name("master.key.new").write_bytes(key_file.read_bytes())
    key_file.with_name("master.key.backup").write_bytes(key_file.read_bytes())
    MasterKind(settle_seconds=0).change(ORDER)

    assert sorted(file.name for file in key_file.parent.iterdir()) == ["master.key", "master.key.backup"]
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_what_somebody_writes_meanwhile_stays(server, key_file, monkeypatch):
    """A device's new secret is not overwritten by the one it had when we looked."""
    issued = create_invite()
    newer = seal_invite_psk(issued.invite_id, PreSharedKey.generate())
    add_master_key()

    def seal_slowly(purpose: str, plaintext: bytes, context: bytes) -> bytes:
        Invite.objects.update(psk_sealed=newer)
        return secrets.seal_secret(purpose, plaintext, context)

    monkeypatch.setattr(sealed_columns, "seal_secret", seal_slowly)
    assert reseal([column for column in COLUMNS if column.model is Invite]).values == 0
    assert bytes(Invite.objects.get().psk_sealed) == newer


@pytest.mark.parametrize("times", [2, MOST_PASSES])
def test_the_old_key_goes_when_nothing_came_under_it_for_a_while(server, key_file, monkeypatch, times):
    """Whoever sealed something before the change may store it late; somebody who goes on and on has another file."""
    invite = InviteText.parse(create_invite().text)
    old, pauses = bytes(Invite.objects.get().psk_sealed), []

    def store_late(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) <= times:
            Invite.objects.update(psk_sealed=old)

    monkeypatch.setattr("time.sleep", store_late)
    if times < MOST_PASSES:
        MasterKind().change(ORDER)
    else:
        with pytest.raises(KeyNotChanged, match="a server that reads another file"):
            MasterKind().change(ORDER)

    assert pauses == [SETTLE_SECONDS] * min(times + 1, MOST_PASSES)
    assert len(master_keys()) == (1 if times < MOST_PASSES else 2)
    assert open_invite_psk(Invite.objects.get()) == invite.invite_psk


def test_a_file_that_seems_to_be_the_same_is_read_before_anything_is_sealed(key_file, monkeypatch):
    """And when a value names a key that it did not hold: a folder that machines share tells late of another file."""
    secrets.seal_secret("device psk", b"x", b"row")
    monkeypatch.setattr(master_key, "_stamp", lambda facts: (0,))
    master_keys(anew=True)
    old, new = key_file.read_bytes(), random_bytes(32)
    key_file.write_bytes(new + old)
    elsewhere = secrets.seal_secret("device psk", b"y", b"row")
    assert elsewhere[1:9] == MasterKey.of(new).id

    master_key._known[key_file] = master_key._Known((0,), (MasterKey.of(old),))
    assert secrets.open_secret("device psk", elsewhere, b"row") == b"y"


def test_the_file_stays_where_it_is_and_whose_it_is(server, key_file):
    """A link goes on leading to it, and who may read it is the operator's choice."""
    elsewhere = key_file.with_name("elsewhere")
    key_file.rename(elsewhere)
    key_file.symlink_to(elsewhere)
    elsewhere.chmod(0o640)
    MasterKind(settle_seconds=0).change(ORDER)

    assert key_file.is_symlink()
    assert elsewhere.stat().st_mode & 0o777 == 0o640
    assert identity.current_identity()


def test_the_change_loses_nothing_while_others_write(server, key_file):
    """Invitations are made all the time; each of them opens afterwards."""
    made, stop = [], threading.Event()

    def make_invites() -> None:
        try:
            while not stop.is_set() and len(made) < 80:
                made.append(InviteText.parse(create_invite().text))
        finally:
            connection.close()

    writer = threading.Thread(target=make_invites)
    writer.start()
    for _ in range(3):
        MasterKind(settle_seconds=0.2).change(ORDER)
    stop.set()
    writer.join()

    assert len(made) > 3 and len(key_file.read_bytes()) == 32
    there = {bytes(row.invite_id): open_invite_psk(row) for row in Invite.objects.all()}
    assert there == {invite.invite_id: invite.invite_psk for invite in made}


def test_a_value_that_is_damaged_stays_and_is_counted(server):
    """It holds up nobody else's."""
    create_invite()
    Invite.objects.update(psk_sealed=bytes(60))
    told = MasterKind(settle_seconds=0).change(ORDER)

    assert "1 did not open" in told
    assert bytes(Invite.objects.get().psk_sealed) == bytes(60)


def test_a_file_that_cannot_be_replaced_is_named(server, key_file, monkeypatch):
    """Nothing has changed then."""
    keys, before = identity.server_keys(), key_file.read_bytes()

    def refuse(path, data, ending):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(master_key, "_draft", refuse)
    with pytest.raises(KeyNotChanged, match=r"cannot be replaced: Read-only file system\. Its folder must be writable"):
        MasterKind(settle_seconds=0).change(ORDER)

    assert key_file.read_bytes() == before and identity.server_keys() == keys


def test_a_server_that_runs_survives_the_loss_of_the_file(server, key_file):
    """It goes on with the key it has; one that starts says what to restore."""
    key_file.rename(key_file.with_name("moved"))
    assert identity.current_identity()

    master_key._known.clear()
    with pytest.raises(MasterKeyError, match="backup"):
        identity.ensure_server()


def test_a_second_pass_finds_nothing_to_do(server):
    """What is sealed under the key in use is left alone."""
    create_invite()

    assert reseal(COLUMNS).values == 0
