"""The revocation list that lies beside the connection file: sealed anew when it has something new to say."""

import hashlib

from chat.services.identity import current_identity, successor_identity
from chat.services.revocations import current_entries
from clawchat.protocol.connection_file import RevocationsHead
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from clawchat.protocol.revocation_list import RevocationList as OpenList
from clawchat.protocol.revocation_list import Revoked, seal_revocation_list
from discovery.models import RevocationList

from .instants import instant


def list_for(
    kid: str, secret: DiscoverySecret, identity: IdentityKey, now: int, *, successor: IdentityKey | None = None
) -> RevocationList:
    """The list to publish beside a file that is sealed under this secret: the last one while it says the same and has
    the same signatures, since readers open only what one of their pins has signed.

    In the publication's transaction. Units: seconds since 1970; kid in hex.
    Spec: 3.12
    """
    entries = current_entries()
    digest = _digest(entries, identity, successor)
    newest = RevocationList.objects.order_by("-serial").first()
    if newest is not None and (newest.kid, newest.digest) == (kid, digest):
        return newest
    serial = max(newest.serial + 1 if newest else 0, now)
    body = seal_revocation_list(OpenList(serial, now, tuple(entries)), secret, identity, now, successor=successor)
    return RevocationList.objects.create(
        serial=serial,
        kid=kid,
        body=body,
        sha256=hashlib.sha256(body).digest(),
        digest=digest,
        created_at=instant(now),
    )


def head_of(row: RevocationList) -> RevocationsHead:
    """What the connection file says of this list."""
    return RevocationsHead(row.serial, bytes(row.sha256))


def list_digest() -> str:
    """Hex SHA-256 of what a list should say now, and of who should sign it."""
    return _digest(current_entries(), current_identity(), successor_identity())


def delete_unused() -> None:
    """Delete the lists that no publication names any more, but never the newest, whose serial the next one follows."""
    newest = RevocationList.objects.order_by("-serial").first()
    if newest is not None:
        RevocationList.objects.filter(publications=None).exclude(pk=newest.pk).delete()


def _digest(entries: list[Revoked], identity: IdentityKey, successor: IdentityKey | None) -> str:
    signers = b"".join(bytes(each.public) for each in (identity, successor) if each is not None)
    return hashlib.sha256(signers + OpenList(1, 0, tuple(entries)).encode()).hexdigest()
