"""Staged blobs: large MLS objects that come in chunks, named by the digest of the whole."""

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from chat.models import Device, StagedBlob, StagedChunk
from chat.services.acting import acting_device
from clawchat.protocol.errors import Malformed, OutOfOrder, TooLarge
from clawchat.protocol.limits import STAGE_MAX_BYTES
from clawchat.protocol.primitives import sha256

PER_DEVICE_BYTES = 16 * 1024 * 1024
PER_DEVICE_BLOBS = 64
# Twice what the largest blob has in whole pieces: each is a row, and a blob in pieces of a byte would take a hundred
# times its size.
PIECES_PER_BLOB = 64
LIFETIME = timedelta(hours=1)


def stage(device_pk: int, digest: bytes, size: int, offset: int, chunk: bytes) -> int:
    """How much of the blob is stored without a gap, once this chunk is in.

    When one device's blobs pass 16 MiB or 64 together, its oldest go.
    Raises: too_large; out_of_order with `have` (a gap); malformed (more bytes than the size, more than 64 pieces, or a
    whole that does not have this digest: it is dropped); revoked; not_member (no account).
    """
    if size > STAGE_MAX_BYTES:
        raise TooLarge(f"{size} bytes, at most {STAGE_MAX_BYTES}")
    blob = _add(device_pk, digest, size, offset, chunk)
    if blob.have == size and sha256(_whole(blob)) != digest:
        blob.delete()
        raise Malformed("the blob does not have this digest")
    return blob.have


def load(device: Device, digest: bytes) -> bytes:
    """A whole blob that this device has staged.

    Raises: out_of_order with `have` (never staged, not whole, or its hour is over, which a clock that is set forward
    brings at once): the sender still has the blob and stages it again.
    """
    since = timezone.now() - LIFETIME
    blob = StagedBlob.objects.filter(device=device, digest=digest, touched_at__gt=since).first()
    if blob is None or blob.have != blob.size:
        raise OutOfOrder("a blob that is not staged", {"have": blob.have if blob is not None else 0})
    return _whole(blob)


def drop(device_pk: int, digests: Iterable[bytes]) -> None:
    """Remove blobs that have served."""
    StagedBlob.objects.filter(device=device_pk, digest__in=list(digests)).delete()


def drop_old() -> int:
    """How many blobs were removed because their hour is over."""
    return StagedBlob.objects.filter(touched_at__lt=timezone.now() - LIFETIME).delete()[0]


@transaction.atomic
def _add(device_pk: int, digest: bytes, size: int, offset: int, chunk: bytes) -> StagedBlob:
    device = acting_device(device_pk)
    blob = _open_blob(device, digest, size)
    if offset > blob.have:
        raise OutOfOrder("a gap", {"have": blob.have})
    if offset + len(chunk) > size:
        raise Malformed("more bytes than the size")
    fresh = chunk[blob.have - offset :]
    if fresh:
        if blob.chunks.count() >= PIECES_PER_BLOB:
            raise Malformed(f"more than {PIECES_PER_BLOB} pieces")
        StagedChunk.objects.create(blob=blob, offset=blob.have, body=fresh)
        blob.have += len(fresh)
    # Also without a fresh byte: its hour begins anew.
    blob.save()
    return blob


def _open_blob(device: Device, digest: bytes, size: int) -> StagedBlob:
    blob = StagedBlob.objects.select_for_update().filter(device=device, digest=digest).first()
    if blob is None:
        _make_room(device, size)
        # Another session of the device may have begun the same blob at this moment.
        blobs = StagedBlob.objects.select_for_update()
        blob, _ = blobs.get_or_create(device=device, digest=digest, defaults={"size": size})
    if blob.size != size:
        raise Malformed("a blob has one size")
    return blob


def _make_room(device: Device, size: int) -> None:
    """Drop the oldest blobs of a device until another one fits: what lost a race for an epoch is never asked for."""
    for count, blob in enumerate(StagedBlob.objects.filter(device=device).order_by("-touched_at"), start=2):
        size += blob.size
        if size > PER_DEVICE_BYTES or count > PER_DEVICE_BLOBS:
            blob.delete()


def _whole(blob: StagedBlob) -> bytes:
    return b"".join(bytes(body) for body in blob.chunks.values_list("body", flat=True))
