"""Key packages: each one-time package is handed out once."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from chat.models import Device, KeyPackage
from chat.retry import LONGEST_SECONDS, retry_text
from chat.services.acting import acting_device
from clawchat.protocol.errors import Limit, Malformed
from clawchat.protocol.primitives import sha256

# One-time packages kept for a device; a client uploads 50 and refills under 20.
STOCK = 200


def put(device_pk: int, packages: Sequence[bytes], last_resort: bytes | None) -> int:
    """How many one-time packages of this device are left, after these were added.

    A package that was uploaded before is not added again, also when somebody took it since.
    Raises: limit (more than 200 left); malformed (one of them as the last resort); revoked; not_member (no account).
    """
    if packages or last_resort is not None:
        return _add(device_pk, packages, last_resort)
    # Each client asks at each connection, a hundred of them when the port moves: no transaction that writes for that.
    return _left(acting_device(device_pk))


@transaction.atomic
def _add(device_pk: int, packages: Sequence[bytes], last_resort: bytes | None) -> int:
    device = acting_device(device_pk)
    KeyPackage.objects.bulk_create(
        [KeyPackage(device=device, ref=sha256(body), body=body) for body in packages], ignore_conflicts=True
    )
    if last_resort is not None:
        ref = sha256(last_resort)
        if KeyPackage.objects.filter(device=device, ref=ref, last_resort=False).exists():
            raise Malformed("a one-time package is no last resort")
        KeyPackage.objects.filter(device=device, last_resort=True).delete()
        KeyPackage.objects.create(device=device, ref=ref, body=last_resort, last_resort=True)
    left = _left(device)
    if left > STOCK:
        raise Limit(retry_text(LONGEST_SECONDS, f"{left} key packages, at most {STOCK}"))
    return left


def _left(device: Device) -> int:
    return KeyPackage.objects.filter(device=device, last_resort=False, claimed_at=None).count()


@transaction.atomic
def take(device_pk: int, device_ids: Sequence[bytes]) -> dict[bytes, bytes]:
    """A package for each of the devices that has one; the last-resort package only when no other is left.

    Raises: revoked; not_member (no account).
    """
    acting_device(device_pk)
    # In a fixed order, so that two requests never wait for each other.
    devices = Device.objects.in_use().filter(device_id__in=device_ids).order_by("id")
    taken = {bytes(device.device_id): _take_one(device) for device in devices}
    return {device_id: body for device_id, body in taken.items() if body is not None}


def _take_one(device: Device) -> bytes | None:
    left = KeyPackage.objects.select_for_update().filter(device=device)
    package = left.filter(last_resort=False, claimed_at=None).order_by("id").first()
    if package is None:
        fallback = left.filter(last_resort=True).first()
        return bytes(fallback.body) if fallback else None
    body = bytes(package.body)
    # Conditional, and the body goes with it: what nobody may hand out again need not be kept.
    claimed = KeyPackage.objects.filter(pk=package.pk, claimed_at=None).update(claimed_at=timezone.now(), body=b"")
    return body if claimed else _take_one(device)
