"""Who asks: every operation of a device begins with its row."""

from chat.models import Device
from clawchat.protocol.errors import NotMember, Revoked


def acting_device(device_pk: int, needs_account: bool = True) -> Device:
    """The device that asks for something, as its row is in the transaction of what it asks for.

    Raises: revoked; not_member (no account yet).
    """
    device = Device.objects.select_related("member").get(pk=device_pk)
    if device.revoked_at:
        raise Revoked
    if needs_account and device.member is None:
        raise NotMember("no account yet")
    return device
