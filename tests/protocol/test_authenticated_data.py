"""What a message authenticates: four forms, each in one size, and what their signatures cover."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawchat.protocol.authenticated_data import (
    AuthenticatedData,
    DataForm,
    device_revoked_message,
    join_message,
    member_data,
    own_device_data,
    resync_data,
    revoked_data,
    vouched_message,
    voucher_data,
)
from clawchat.protocol.errors import Malformed, PeerError, Unauthentic, UsageError
from clawchat.protocol.keys import DeviceKey, RootKey

ROOM, MESSAGE = bytes(range(16)), bytes(range(16, 32))
KEY, SIGNATURE = bytes([7]) * 32, bytes([9]) * 64
FORMS = {
    DataForm.MEMBER: member_data(ROOM, MESSAGE),
    DataForm.VOUCHER: voucher_data(ROOM, MESSAGE, KEY, SIGNATURE),
    DataForm.OWN_DEVICE: own_device_data(ROOM, MESSAGE, SIGNATURE),
    DataForm.REVOKED: revoked_data(ROOM, MESSAGE, KEY, SIGNATURE),
}


def test_the_bytes_are_the_documents():
    """Form, room, message; then key and signature where the form has them (4.4, 4.9)."""
    assert FORMS[DataForm.MEMBER] == b"\1" + ROOM + MESSAGE == resync_data(ROOM, MESSAGE)
    assert FORMS[DataForm.VOUCHER] == b"\2" + ROOM + MESSAGE + KEY + SIGNATURE
    assert FORMS[DataForm.OWN_DEVICE] == b"\3" + ROOM + MESSAGE + SIGNATURE
    assert FORMS[DataForm.REVOKED] == b"\4" + ROOM + MESSAGE + KEY + SIGNATURE
    assert [len(data) for data in FORMS.values()] == [33, 129, 97, 129]


@pytest.mark.parametrize("form", DataForm)
def test_each_form_has_one_size(form):
    """It reads back; a byte more or less is none of it."""
    data = FORMS[form]
    parsed = AuthenticatedData.parse(data)

    assert (parsed.form, parsed.room_id, parsed.message_id, parsed.encode()) == (form, ROOM, MESSAGE, data)
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(Malformed):
            AuthenticatedData.parse(wrong)


@pytest.mark.parametrize("first", [0, 5, 255])
def test_there_are_four_forms(first):
    """The first byte says which; no other does."""
    with pytest.raises(Malformed):
        AuthenticatedData.parse(bytes([first]) + FORMS[DataForm.MEMBER][1:])


@given(st.binary(max_size=140))
def test_any_bytes_are_one_form_or_malformed(data):
    """And what was read encodes back to the same bytes."""
    try:
        assert AuthenticatedData.parse(data).encode() == data
    except PeerError as error:
        assert error.code == "malformed"


@pytest.mark.parametrize(
    "parts",
    [
        (DataForm.MEMBER, ROOM[1:], MESSAGE),
        (DataForm.MEMBER, ROOM, MESSAGE + b"\0"),
        (DataForm.MEMBER, ROOM, MESSAGE, KEY),
        (DataForm.VOUCHER, ROOM, MESSAGE, KEY[1:], SIGNATURE),
        (DataForm.OWN_DEVICE, ROOM, MESSAGE, KEY, SIGNATURE),
        (DataForm.REVOKED, ROOM, MESSAGE, KEY, SIGNATURE[1:]),
    ],
)
def test_parts_of_other_sizes_are_ours_to_avoid(parts):
    """Nothing of another size is ever written."""
    with pytest.raises(UsageError):
        AuthenticatedData(*parts).encode()


def test_a_voucher_vouches_for_one_leaf_in_one_room():
    """Its signature holds for nobody else, and nowhere else."""
    voucher, leaf = DeviceKey.generate(), bytes(DeviceKey.generate().public)
    public = bytes(voucher.public)
    proof = voucher.sign(vouched_message(ROOM, public, leaf))
    good = AuthenticatedData(DataForm.VOUCHER, ROOM, MESSAGE, public, proof)

    good.verify_voucher(leaf)
    for data, key in (
        (good, KEY),
        (AuthenticatedData(DataForm.VOUCHER, MESSAGE, MESSAGE, public, proof), leaf),
        (AuthenticatedData(DataForm.VOUCHER, ROOM, MESSAGE, leaf, proof), leaf),
    ):
        with pytest.raises(Unauthentic):
            data.verify_voucher(key)


def test_a_root_lets_one_leaf_in_at_one_epoch():
    """Neither a later epoch nor another leaf nor another root."""
    root, leaf = RootKey.generate(), bytes(DeviceKey.generate().public)
    data = AuthenticatedData(DataForm.OWN_DEVICE, ROOM, MESSAGE, b"", root.sign(join_message(ROOM, 7, leaf)))

    data.verify_own_device(bytes(root.public), 7, leaf)
    for public, epoch, key in (
        (bytes(root.public), 8, leaf),
        (bytes(root.public), 7, KEY),
        (bytes(RootKey.generate().public), 7, leaf),
    ):
        with pytest.raises(Unauthentic):
            data.verify_own_device(public, epoch, key)


def test_a_root_revokes_one_leaf():
    """In every room; and what it signed to let a leaf in revokes none."""
    root, leaf = RootKey.generate(), bytes(DeviceKey.generate().public)
    signature = root.sign(device_revoked_message(leaf))

    AuthenticatedData(DataForm.REVOKED, ROOM, MESSAGE, leaf, signature).verify_revoked(bytes(root.public))
    for key, wrong in ((KEY, signature), (leaf, root.sign(join_message(ROOM, 7, leaf)))):
        with pytest.raises(Unauthentic):
            AuthenticatedData(DataForm.REVOKED, ROOM, MESSAGE, key, wrong).verify_revoked(bytes(root.public))
