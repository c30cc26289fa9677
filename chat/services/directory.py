"""The directory: who is on this server, with the devices that others may add to rooms."""

from dataclasses import dataclass

from chat.models import Device, Member
from chat.services.acting import acting_device

PAGE_MEMBERS = 100
# A page stays well inside one frame, however many devices somebody has.
PAGE_BYTES = 131_072
_MEMBER_BYTES, _DEVICE_BYTES = 256, 256


@dataclass(frozen=True)
class Page:
    """Some members in order of their user id, each with its devices, and whether there are more."""

    members: list[tuple[Member, list[Device]]]
    more: bool


def page(device_pk: int, after: bytes) -> Page:
    """The members above a user id. Devices that are revoked, or have no account, are not listed.

    Raises: revoked; not_member (no account).
    """
    acting_device(device_pk)
    members = list(Member.objects.filter(user_id__gt=after).order_by("user_id")[: PAGE_MEMBERS + 1])
    devices: dict[int, list[Device]] = {member.pk: [] for member in members}
    for device in Device.objects.in_use().filter(member__in=members).order_by("id"):
        devices[device.member_id].append(device)
    taken, size = [], 0
    for member in members[:PAGE_MEMBERS]:
        size += _MEMBER_BYTES + _DEVICE_BYTES * len(devices[member.pk])
        if taken and size > PAGE_BYTES:
            break
        taken.append((member, devices[member.pk]))
    return Page(taken, more=len(taken) < len(members))
