"""What is not to be trusted any more, as the revocation list says it, and what an operator puts there by hand.

What changes the list takes the lock of `wraps.lock_secret` first, as whoever publishes does: the list is read more than
once for one publication, and must say the same each time.
"""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import transaction

from chat.models import Revocation, ServerIdentity
from chat.services import audit, wraps
from chat.services.identity import open_identity
from clawchat.protocol.errors import Malformed
from clawchat.protocol.revocation_list import (
    MAX_REVOKED,
    REASON_MAX_CHARACTERS,
    RevocationKind,
    Revoked,
    entries_that_fit,
    revoked_id,
    sign_identity_revocation,
)


def current_entries() -> list[Revoked]:
    """What the list says now, in its order; when there is more than one list can hold, the newest of it.

    Spec: 3.12
    """
    # Read at every tick, and never pruned: more of one kind than a list has entries are not even looked at.
    newest = [Revocation.objects.filter(kind=kind).order_by("-since", "-pk")[:MAX_REVOKED] for kind in Revocation.Kind]
    return list(entries_that_fit(_entry(row) for rows in newest for row in rows))


def certificate_key(pem: str) -> bytes:
    """The DER SubjectPublicKeyInfo of a TLS certificate.

    Raises: malformed (no certificate in PEM, or one with a key of a kind that nobody knows).
    """
    try:
        key = x509.load_pem_x509_certificate(pem.strip().encode()).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed("no certificate in PEM") from error


@transaction.atomic
def revoke_certificate(pem: str, why: str, actor: str) -> Revocation:
    """The entry for a TLS certificate whose key is in wrong hands; a second time changes nothing.

    Raises: malformed (no certificate in PEM).
    Spec: 3.12
    """
    wraps.lock_secret()
    return _add(Revocation.Kind.CERTIFICATE, revoked_id(certificate_key(pem)), why, actor)


@transaction.atomic
def revoke_identity(identity: ServerIdentity, why: str, actor: str) -> Revocation:
    """Let a server identity end itself: every client that pins it drops this server and asks for a new invite.

    One that has handed over has ended itself already, and is left as it is.
    Raises: malformed (it is in use, or follows: clients would drop this server, and no invite could bring them back).
    Spec: 3.12
    """
    wraps.lock_secret()
    if identity.state != ServerIdentity.State.RETIRED:
        raise Malformed("this identity is in use")
    ended = Revocation.objects.filter(kind=Revocation.Kind.IDENTITY, subject=bytes(identity.public)).first()
    if ended is not None:
        return ended
    statement = sign_identity_revocation(open_identity(identity))
    return _add(Revocation.Kind.IDENTITY, bytes(identity.public), why, actor, statement=statement)


@transaction.atomic
def withdraw_certificate(revocation: Revocation, actor: str) -> bool:
    """Take a certificate off the list; False for anything else, which stays there for good."""
    wraps.lock_secret()
    if revocation.kind != Revocation.Kind.CERTIFICATE or not Revocation.objects.filter(pk=revocation.pk).delete()[0]:
        return False
    audit.record("revocation_withdrawn", actor=actor[:64], subject=entry_id(revocation).hex())
    return True


def entry_id(revocation: Revocation) -> bytes:
    """By which 16 bytes the list names it."""
    subject = bytes(revocation.subject)
    return subject if revocation.kind == Revocation.Kind.CERTIFICATE else revoked_id(subject)


def _add(kind: Revocation.Kind, subject: bytes, why: str, actor: str, **facts: bytes) -> Revocation:
    defaults = {"why": why[:REASON_MAX_CHARACTERS], **facts}
    row, is_new = Revocation.objects.get_or_create(kind=kind, subject=subject, defaults=defaults)
    if is_new:
        audit.record("revocation_made", actor=actor[:64], subject=entry_id(row).hex(), kind=str(kind), why=row.why)
    return row


def _entry(row: Revocation) -> Revoked:
    # A reason is shown in terminals, too.
    reason = "".join(letter for letter in row.why if letter.isprintable())[:REASON_MAX_CHARACTERS]
    statement = bytes(row.statement or b"")
    return Revoked(RevocationKind(row.kind), entry_id(row), int(row.since.timestamp()), reason, statement)
