"""Checkpoints: links of the audit chain that this server signed, so that what came before them may go.

signature = Ed25519("clawchat/1 audit checkpoint\\0" || u64 number || hash) by the identity in use at that time.
Spec: 3.17
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from chat.models import AuditCheckpoint, AuditEvent, AuditHead, Connection, ServerIdentity
from chat.services import audit
from chat.services.audit_rows import BrokenLink, problem_of, readable
from chat.services.identity import current_identity
from chat.services.policy import current_policy
from clawchat.protocol.encoding import u64
from clawchat.protocol.errors import PeerError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.succession import SuccessorStatement

logger = logging.getLogger(__name__)

# Rows that are removed or changed in one transaction: nobody who sends a message waits for more.
PORTION = 1000
DAY_MS = 86_400_000


def newest_checkpoint() -> AuditCheckpoint | None:
    """The checkpoint that the log begins behind; None for one that is whole.

    Raises: BrokenLink (this server did not sign it).
    """
    checkpoint = AuditCheckpoint.objects.order_by("-number").first()
    if checkpoint is not None and not _is_ours(checkpoint):
        number = checkpoint.number
        raise BrokenLink(number, f"The checkpoint at event {number} was not signed by this server.")
    return checkpoint


def prune() -> int:
    """How many events left the log because they are older than the retention; a checkpoint stands for them.

    The log is shortened from its beginning only: an event that is young by a wrong clock keeps those behind it.
    """
    days = current_policy().audit_retention_days
    if days == 0:
        return 0
    # By whole days: a new checkpoint and an event about it each hour would say nothing more.
    before_ms = _milliseconds_ago(days) // DAY_MS * DAY_MS
    removed = 0
    try:
        while count := _prune_portion(before_ms):
            removed += count
    except BrokenLink as broken:
        logger.error("the audit log is not shortened: %s", broken)
    if removed:
        audit.record("audit_pruned", actor="server", count=removed)
    return removed


def erase_addresses() -> int:
    """From how many events and ended connections the address was erased, because it is older than it may be kept."""
    days = current_policy().address_retention_days
    if days == 0:
        return 0
    events = AuditEvent.objects.filter(time_ms__lt=_milliseconds_ago(days)).exclude(address="")
    ended = Connection.objects.filter(closed_at__lt=timezone.now() - timedelta(days=days), address__isnull=False)
    erased = 0
    while keys := list(events.values_list("pk", flat=True)[:PORTION]):
        erased += AuditEvent.objects.filter(pk__in=keys).update(address="", address_salt=None)
    while keys := list(ended.values_list("pk", flat=True)[:PORTION]):
        erased += Connection.objects.filter(pk__in=keys).update(address=None)
    return erased


@transaction.atomic
def _prune_portion(before_ms: int) -> int:
    # One at a time: the slower of two would put the checkpoint back, and what stands before it is gone.
    AuditHead.objects.select_for_update().filter(pk=1).first()
    checkpoint = newest_checkpoint()
    number, digest = (checkpoint.number, bytes(checkpoint.hash)) if checkpoint else (0, bytes(32))
    old = []
    for row in readable(AuditEvent.objects.filter(number__gt=number).order_by("number")[:PORTION]):
        # What is not sound is evidence, whatever its age: no checkpoint vouches for it.
        if row.number != number + 1 or problem_of(row, digest) or row.time_ms >= before_ms:
            break
        number, digest = row.number, bytes(row.hash)
        old.append(row.id)
    if old:
        _sign(number, digest)
        AuditEvent.objects.filter(pk__in=old).delete()
    return len(old)


def _sign(number: int, digest: bytes) -> None:
    """Put a checkpoint in the place of the one before it."""
    identity = current_identity()
    AuditCheckpoint.objects.exclude(number=number).delete()
    AuditCheckpoint.objects.create(
        number=number, hash=digest, public=bytes(identity.public), signature=identity.sign(_signed_part(number, digest))
    )


def _signed_part(number: int, digest: bytes) -> bytes:
    return PREFIXES["audit checkpoint"] + u64(number) + digest


def _is_ours(checkpoint: AuditCheckpoint) -> bool:
    """Whether the identity in use signed it, or one that it follows by statements of both."""
    number, digest = checkpoint.number, bytes(checkpoint.hash)
    try:
        signer = IdentityPublic.from_bytes(bytes(checkpoint.public))
        signer.verify(bytes(checkpoint.signature), _signed_part(number, digest))
        return signer in _own_identities()
    except PeerError:
        return False


def _own_identities() -> list[IdentityPublic]:
    """The identity in use, whose key is sealed under our master key, and those before it.

    Rows alone prove nothing: somebody who can write the database could add one.
    Raises: what `SuccessorStatement` raises.
    """
    statements = {bytes(row.public): row.statement for row in ServerIdentity.objects.all()}
    own = [current_identity().public]
    while statement := statements.pop(bytes(own[-1]), None):
        said = SuccessorStatement.parse(bytes(statement))
        # Whether it holds now is not asked: it did when it was made.
        said.check([said.old], said.begins)
        if said.new != own[-1]:
            break
        own.append(said.old)
    return own


def _milliseconds_ago(days: int) -> int:
    return int((timezone.now() - timedelta(days=days)).timestamp() * 1000)
