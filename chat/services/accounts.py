"""Accounts: which person a device belongs to, and what that person is called."""

import unicodedata

from django.db import transaction

from chat.models import Device, Member, News
from chat.services import audit, news
from chat.services.acting import acting_device
from clawchat.protocol.credential import LeafIdentity
from clawchat.protocol.errors import Malformed
from clawchat.protocol.keys import DevicePublic

NAME_LENGTH = 64


@transaction.atomic
def set_account(device_pk: int, identity: bytes, root_blob: bytes | None) -> bytes:
    """The user id that a device now belongs to; the first device of a person makes the member.

    Raises: malformed (no identity; another person than before); unauthentic (not this device's, or the root did not
    sign it); revoked.
    Spec: 3.14, 4.4
    """
    device = acting_device(device_pk, needs_account=False)
    leaf = LeafIdentity.parse(identity)
    leaf.verify(DevicePublic(bytes(device.public)))
    if device.member is not None and bytes(device.member.user_id) != leaf.user_id:
        raise Malformed("a device stays with its person")
    member = _member_of(leaf, device)
    if root_blob is not None:
        member.root_blob = root_blob
        member.save(update_fields=["root_blob"])
    Device.objects.filter(pk=device.pk).update(member=member, identity=identity, kind=leaf.kind)
    if device.member is None:
        audit.record("account_set", actor=bytes(device.device_id).hex(), subject=leaf.user_id.hex())
        news.tell(News.Kind.DIRECTORY)
    return leaf.user_id


@transaction.atomic
def set_name(device_pk: int, name: str) -> None:
    """Give the device's member another display name.

    Raises: malformed (empty, over 64 characters, control characters).
    """
    device = acting_device(device_pk)
    if not name.strip() or len(name) > NAME_LENGTH or any(unicodedata.category(letter) == "Cc" for letter in name):
        raise Malformed(f"a name has 1 to {NAME_LENGTH} characters and no control characters")
    if device.member.name != name:
        Member.objects.filter(pk=device.member_id).update(name=name)
        news.tell(News.Kind.DIRECTORY)


def _member_of(leaf: LeafIdentity, device: Device) -> Member:
    member, _ = Member.objects.get_or_create(user_id=leaf.user_id, defaults={"root_public": bytes(leaf.root_public)})
    # An owner's invite makes an owner, whether its member is new or takes a further device here.
    if device.member is None and device.invite is not None and device.invite.makes_owner and not member.is_owner:
        member.is_owner = True
        member.save(update_fields=["is_owner"])
        audit.record("owner_made", actor=bytes(device.invite.invite_id).hex(), subject=leaf.user_id.hex())
    return member
