"""What the revocation list says, and what an operator puts there."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from chat.models import AuditEvent, Revocation, ServerIdentity
from chat.services import devices, identity, revocations
from chat.services.secrets import seal_secret
from clawchat.protocol.errors import Malformed
from clawchat.protocol.keys import IdentityKey
from clawchat.protocol.revocation_list import MAX_REVOKED, RevocationKind, check_identity_revocation, revoked_id


def certificate() -> tuple[str, bytes]:
    """A TLS certificate in PEM, and its SubjectPublicKeyInfo in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chat.example.org")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return made.public_bytes(serialization.Encoding.PEM).decode(), spki


def former_identity() -> tuple[ServerIdentity, IdentityKey]:
    """An identity that this server had once."""
    key = IdentityKey.generate()
    public = bytes(key.public)
    row = ServerIdentity.objects.create(
        public=public,
        private_sealed=seal_secret(identity.IDENTITY_PURPOSE, bytes(key), public),
        state=ServerIdentity.State.RETIRED,
    )
    return row, key


def test_a_new_server_has_revoked_nothing(server):
    """The list is published all the same, and is empty."""
    assert revocations.current_entries() == []


def test_a_lock_out_lists_the_device_and_the_secret(alice, bob):
    """By ids that name them to those who know them; with reason and date, in the list's order."""
    kid = identity.current_kid()
    devices.revoke(bob.id, "stolen", "operator")

    device, secret = revocations.current_entries()
    assert (device.kind, device.id, device.reason) == (
        RevocationKind.DEVICE,
        revoked_id(bytes(bob.key.public)),
        "stolen",
    )
    assert (secret.kind, secret.id) == (RevocationKind.DISCOVERY, revoked_id(kid))
    assert abs(device.since - datetime.now(UTC).timestamp()) < 60


def test_a_reason_that_no_reader_would_take_is_cleaned(alice):
    """Control characters end up in terminals."""
    Revocation.objects.create(kind="device", subject=bytes(32), why="\x1b[31mstolen\n" + "x" * 110)

    (entry,) = revocations.current_entries()

    assert entry.reason == "[31mstolen" + "x" * 110


def test_a_full_list_forgets_old_secrets_first(server):
    """They open nothing any more; certificates and devices stay."""
    Revocation.objects.bulk_create(
        Revocation(kind="discovery", subject=number.to_bytes(8, "big")) for number in range(MAX_REVOKED)
    )
    Revocation.objects.create(kind="device", subject=bytes(32))
    Revocation.objects.create(kind="certificate", subject=bytes(16))

    entries = revocations.current_entries()

    assert len(entries) == MAX_REVOKED
    assert {entry.kind for entry in entries} == set(RevocationKind) - {RevocationKind.IDENTITY}
    assert sum(entry.kind == RevocationKind.DISCOVERY for entry in entries) == MAX_REVOKED - 2


def test_rows_that_no_list_has_room_for_are_not_read(server):
    """Every lock-out leaves one for good, and the list is asked for at every tick; it has the newest."""
    now = datetime.now(UTC)
    Revocation.objects.bulk_create(
        Revocation(kind="discovery", subject=number.to_bytes(8, "big")) for number in range(2 * MAX_REVOKED)
    )
    for number, row in enumerate(Revocation.objects.order_by("pk")):
        row.since = now - timedelta(minutes=number)
        row.save()
    read = []

    def count(**_: object) -> None:
        read.append(True)

    post_init.connect(count, sender=Revocation)
    try:
        entries = revocations.current_entries()
    finally:
        post_init.disconnect(count, sender=Revocation)

    assert len(read) == len(entries) == MAX_REVOKED
    assert {entry.id for entry in entries} == {revoked_id(each.to_bytes(8, "big")) for each in range(MAX_REVOKED)}


def test_a_certificate_is_revoked_once_and_taken_back(server):
    """By its key, so a new certificate over the same key is revoked, too."""
    pem, spki = certificate()
    for _ in range(2):
        revocations.revoke_certificate(pem, "key in a backup", "alice")

    (entry,) = revocations.current_entries()
    assert (entry.kind, entry.id) == (RevocationKind.CERTIFICATE, revoked_id(spki))
    event = AuditEvent.objects.get(code="revocation_made")
    assert (event.actor, event.subject) == ("alice", revoked_id(spki).hex())

    row = Revocation.objects.get()
    assert [revocations.withdraw_certificate(row, "alice") for _ in range(2)] == [True, False]
    assert revocations.current_entries() == []
    assert AuditEvent.objects.get(code="revocation_withdrawn").subject == revoked_id(spki).hex()


@pytest.mark.parametrize(
    "pem", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "ä"]
)
def test_what_is_no_certificate_is_refused(server, pem):
    """Nothing is written."""
    with pytest.raises(Malformed):
        revocations.revoke_certificate(pem, "", "alice")

    assert not Revocation.objects.exists()


def test_a_former_identity_ends_itself(server):
    """By its own signature, which counts whoever publishes it."""
    row, key = former_identity()
    revocations.revoke_identity(row, "the disk was stolen", "alice")

    (entry,) = revocations.current_entries()
    assert check_identity_revocation(entry, key.public)
    assert not check_identity_revocation(entry, IdentityKey.generate().public)


def test_the_identity_in_use_is_not_revoked(server):
    """Clients would drop this server, and every new invite would name the same identity."""
    with pytest.raises(Malformed, match="in use"):
        revocations.revoke_identity(ServerIdentity.objects.get(), "", "alice")

    assert not Revocation.objects.exists()


def test_devices_and_secrets_stay_on_the_list(alice, bob):
    """What was shut out is not let in by taking a row away."""
    devices.revoke(bob.id, "stolen", "operator")

    assert [revocations.withdraw_certificate(row, "alice") for row in Revocation.objects.all()] == [False, False]
    assert Revocation.objects.count() == 2


def test_the_list_changes_while_nothing_is_published(server):
    """Each of these waits for a publication that is being made, which would leave it out and seem to say it."""
    pem, former = certificate()[0], former_identity()[0]
    row = revocations.revoke_certificate(pem, "lost", "alice")
    for work in (
        lambda: revocations.withdraw_certificate(row, "alice"),
        lambda: revocations.revoke_certificate(pem, "lost again", "alice"),
        lambda: revocations.revoke_identity(former, "old", "alice"),
    ):
        with CaptureQueriesContext(connection) as asked:
            work()

        locked, changed = (
            next((at for at, query in enumerate(asked) if what in query["sql"]), len(asked))
            for what in ('FROM "chat_serveridentity"', '"chat_revocation"')
        )
        assert locked < changed < len(asked)
