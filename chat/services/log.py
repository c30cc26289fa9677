"""Reading the room log: a device reads what its memberships cover, the hub reads for everybody at once."""

from collections.abc import Iterable

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Length

from chat.models import Envelope, Membership, Room
from chat.services.acting import acting_device
from chat.services.delivery import StoredRow
from clawchat.protocol.errors import NotMember

PAGE_ROWS = 256
PAGE_BYTES = 131_072
_COLUMNS = ("seq", "kind", "epoch", "sender__device_id", "message_id", "ciphertext", "stored_ms")


def read(device_pk: int, room_id: bytes, after: int, limit: int = PAGE_ROWS) -> list[StoredRow]:
    """The rows after a seq that this device may read: at most 256 and 128 KiB, at least one when there is one.

    A removed device reads on to the row that removed it. That the device is not revoked and was a member at each row is
    part of the very query that fetches, so nothing that happens in between lets a row through.
    Raises: revoked; not_member.
    Spec: 3.14 `room.read`
    """
    acting_device(device_pk)
    if not Membership.objects.filter(room__room_id=room_id, device=device_pk).exists():
        raise NotMember("not in this room")
    stay = Q(room__memberships__left_seq=None) | Q(room__memberships__left_seq__gte=F("seq"))
    readable = Envelope.objects.filter(
        stay,
        room__room_id=room_id,
        room__memberships__device=device_pk,
        room__memberships__device__revoked_at=None,
        room__memberships__joined_seq__lt=F("seq"),
    )
    return _page(readable, room_id, after, min(limit, PAGE_ROWS))


def read_for_all(room_id: bytes, after: int) -> list[StoredRow]:
    """The rows after a seq, for a hub that knows itself whom it sends them to; commits tell whom they removed."""
    return _page(Envelope.objects.filter(room__room_id=room_id), room_id, after, PAGE_ROWS)


def heads(room_ids: Iterable[bytes]) -> dict[bytes, int]:
    """The last seq of each of these rooms."""
    rows = Room.objects.filter(room_id__in=list(room_ids)).values_list("room_id", "head")
    return {bytes(room_id): head for room_id, head in rows}


def _page(envelopes: QuerySet, room_id: bytes, after: int, limit: int) -> list[StoredRow]:
    envelopes = envelopes.filter(seq__gt=after).order_by("seq")
    # Sizes first: a page of large rows is cut before they are loaded.
    last, total = after, 0
    for seq, size in envelopes.values_list("seq", Length("ciphertext"))[: max(limit, 1)]:
        total += size
        if last > after and total > PAGE_BYTES:
            break
        last = seq
    rows = list(envelopes.filter(seq__lte=last).values_list(*_COLUMNS)) if last > after else []
    removed = _removed(room_id, [row[0] for row in rows if row[1] == Envelope.Kind.COMMIT])
    return [
        StoredRow(
            room_id,
            seq,
            kind,
            epoch,
            bytes(sender),
            bytes(message_id),
            bytes(ciphertext),
            stored_ms,
            removed=frozenset(removed.get(seq, ())),
        )
        for seq, kind, epoch, sender, message_id, ciphertext, stored_ms in rows
    ]


def _removed(room_id: bytes, commit_seqs: list[int]) -> dict[int, set[int]]:
    """The rows of Device that each of these commits took out of the room, but its sender, who comes back by it."""
    removed: dict[int, set[int]] = {}
    if commit_seqs:
        sent = Envelope.objects.filter(room=OuterRef("room"), seq=OuterRef("left_seq"), sender=OuterRef("device"))
        gone = Membership.objects.filter(~Exists(sent), room__room_id=room_id, left_seq__in=commit_seqs)
        for seq, device_pk in gone.values_list("left_seq", "device_id"):
            removed.setdefault(seq, set()).add(device_pk)
    return removed
