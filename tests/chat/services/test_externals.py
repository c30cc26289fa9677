"""What an external commit says about who comes, held against the device that sent it."""

import pytest

from chat.services.externals import External, check_declared, read
from clawchat.mls.codec import vector
from clawchat.protocol.authenticated_data import (
    AuthenticatedData,
    DataForm,
    join_message,
    member_data,
    own_device_data,
    revoked_data,
    vouched_message,
    voucher_data,
)
from clawchat.protocol.credential import DeviceKind, sign_identity
from clawchat.protocol.encoding import u8, u16
from clawchat.protocol.errors import Malformed, Unauthentic
from clawchat.protocol.keys import DeviceKey, RootKey
from tests.mls_bytes import external_commit, leaf

ROOM, MESSAGE, EPOCH = bytes(range(16)), bytes(range(16, 32)), 7
BACK = member_data(ROOM, MESSAGE)


def identity(root: RootKey, key: DeviceKey) -> bytes:
    """A basic credential."""
    return u16(1) + vector(sign_identity(root, key.public, DeviceKind.HUMAN, 0, 2**32).encode())


def own(person, root: RootKey | None = None, epoch: int = EPOCH) -> bytes:
    """Form 3."""
    signature = (root or person.root).sign(join_message(ROOM, epoch, bytes(person.key.public)))
    return own_device_data(ROOM, MESSAGE, signature)


def vouched(person, key: DeviceKey) -> bytes:
    """Form 2."""
    public = bytes(key.public)
    return voucher_data(ROOM, MESSAGE, public, key.sign(vouched_message(ROOM, public, bytes(person.key.public))))


def judge(person, data: bytes, removed: int | None = None, voucher: bytes | None = None, changes=None, **parts):
    """What the server takes a commit of this person for."""
    new = leaf(person.root, person.key, voucher, **(changes or {}))
    return read(person.device, external_commit(ROOM, EPOCH, data, new, removed, **parts), ROOM, MESSAGE, EPOCH)


def test_each_form_is_read(alice):
    """By what right, whether somebody goes, and with which voucher."""
    key = DeviceKey.generate()
    public = bytes(key.public)

    back, back_vouched = judge(alice, BACK, 3), judge(alice, BACK, 3, public)
    joins, replaces = judge(alice, own(alice)), judge(alice, own(alice), 3)
    newcomer = judge(alice, vouched(alice, key), voucher=public)

    assert [back.joins, back_vouched.joins, joins.joins, newcomer.joins] == [False, False, True, True]
    assert [back.removes, joins.removes, replaces.removes, newcomer.removes] == [True, False, True, False]
    assert [back.voucher, back_vouched.voucher, newcomer.voucher] == [None, public, public]


@pytest.mark.parametrize("change", ["another key", "another root", "another device", "a false certificate", "nothing"])
def test_the_leaf_is_the_senders(alice, bob, change):
    """Its key, its person, its device, and a certificate that says so."""
    wrong = {
        "another key": {"signature_key": vector(bytes(bob.key.public))},
        "another root": {"credential": identity(bob.root, alice.key)},
        "another device": {"credential": identity(alice.root, bob.key)},
        "a false certificate": {"credential": identity(alice.root, alice.key)[:-1] + b"\xff"},
        "nothing": {"credential": u16(1) + vector(b"")},
    }[change]

    with pytest.raises(Malformed):
        judge(alice, BACK, 3, changes=wrong)


@pytest.mark.parametrize("extensions", [u16(0xF0C1) + vector(bytes(32)), u16(0xF0C2) + vector(bytes(31))])
def test_a_leaf_has_no_extension_but_a_voucher(alice, extensions):
    """Of 32 bytes, and one."""
    good = u16(0xF0C2) + vector(bytes(32))
    for wrong in (extensions, good + extensions, good + good):
        with pytest.raises(Malformed):
            judge(alice, BACK, 3, changes={"extensions": vector(wrong)})


def test_forms_keep_to_what_they_are_for(alice):
    """Who comes back removes its leaf; who was vouched for removes nobody; form 4 is for members."""
    key = DeviceKey.generate()
    public = bytes(key.public)
    for data, removed, voucher in (
        (BACK, None, None),
        (vouched(alice, key), 3, public),
        (vouched(alice, key), None, None),
        (vouched(alice, key), None, bytes(32)),
        (own(alice), None, public),
        (revoked_data(ROOM, MESSAGE, bytes(32), bytes(64)), 3, None),
        (b"", 3, None),
    ):
        with pytest.raises(Malformed):
            judge(alice, data, removed, voucher)


def test_proofs_are_for_this_leaf_room_and_epoch(alice, bob):
    """The voucher's and the root's."""
    key, other = DeviceKey.generate(), bytes(DeviceKey.generate().public)
    good = vouched(alice, key)
    for data, voucher in (
        (vouched(bob, key), bytes(key.public)),
        (good[:33] + other + good[65:], other),
        (own(bob), None),
        (own(alice, bob.root), None),
        (own(alice, epoch=EPOCH + 1), None),
    ):
        with pytest.raises(Unauthentic):
            judge(alice, data, voucher=voucher)


def test_header_and_request_are_one(alice):
    """Group, room, id and epoch."""
    for data, parts in (
        (member_data(MESSAGE, MESSAGE), {}),
        (member_data(ROOM, ROOM), {}),
        (BACK, {"group_id": vector(MESSAGE)}),
        (BACK, {"epoch": bytes(7) + u8(EPOCH + 1)}),
    ):
        with pytest.raises(Malformed):
            judge(alice, data, 3, **parts)


ME, OTHER = b"m" * 16, b"o" * 16


@pytest.mark.parametrize(
    ("form", "removes", "added", "removed"),
    [
        (1, True, (ME,), (OTHER,)),
        (1, True, (ME,), ()),
        (1, True, (ME,), (ME, OTHER)),
        (1, True, (OTHER,), (ME,)),
        (1, True, (), (ME,)),
        (2, False, (ME, OTHER), ()),
        (2, False, (ME,), (OTHER,)),
        (3, False, (ME,), (OTHER,)),
        (3, True, (ME,), ()),
        (3, True, (ME,), (ME, OTHER)),
    ],
)
def test_devices_that_are_declared_fit(form, removes, added, removed):
    """The sender comes, and as many go as the commit removes."""
    external = External(AuthenticatedData(DataForm(form), ROOM, MESSAGE), removes, None)

    with pytest.raises(Malformed):
        check_declared(external, ME, added, removed)
