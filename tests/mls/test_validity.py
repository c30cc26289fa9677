"""The validity function: every rule of 4.10 refuses what it is there for, and nothing beside it.

The commits here are values put together by hand; commits as they travel are judged in test_hostile.py.
"""

from dataclasses import replace

import pytest

from clawchat.mls.errors import Invalid
from clawchat.mls.framing import ContentType, FramedContent, Sender, SenderType
from clawchat.mls.nodes import Credential, CredentialType, Extension, ParentNode
from clawchat.mls.profile import (
    REQUIRED_CAPABILITIES,
    Roles,
    Vouch,
    member_data,
    voucher_extension,
)
from clawchat.mls.proposals import Add, ExternalInit, GroupContextExtensions, ReInit, Remove, Update
from clawchat.mls.psk import PreSharedKeyID, PSKType
from clawchat.mls.rules import Proposed
from clawchat.mls.suite import ROOM_SUITE
from clawchat.mls.validity import RoomRules, check_commit, check_key_package, check_tree
from clawchat.protocol.errors import Malformed
from clawchat.protocol.keys import DeviceKey, RootKey
from tests.mls.judging import (
    ADMINISTERED,
    BERT_2,
    MESSAGE,
    OPEN,
    PACKAGE,
    PACKAGE_OF_BERT_2,
    ROOM,
    THREE,
    VOUCH,
    VOUCHED,
    by_value,
    change,
    commit,
    context_of,
    external,
    leaf,
    own_device_of,
    path_leaf,
    revocation_of,
    tree_of,
    voucher_of,
    wish,
)
from tests.mls.members import ANNA, BERT, CARL, DORA, Device, key_pair, seed


def refused(judged, reason):
    """The commit is refused for this reason, with its new tree, and without it when the path or proposals say why."""
    with pytest.raises(Invalid) as found:
        check_commit(judged)
    assert found.value.reason == reason


def test_what_members_may_do():
    """Each of these commits is one that an honest client makes."""
    carried = leaf(CARL, extensions=(voucher_extension(VOUCH),))
    with_voucher = tree_of(leaf(ANNA), leaf(BERT), carried)
    without = Roles(False, (ANNA.user,))
    for judged in (
        commit(0),
        commit(0, Add(PACKAGE), change(OPEN)),
        commit(0, Remove(1), Remove(2)),
        commit(1, Add(PACKAGE), roles=OPEN),
        commit(1, Add(PACKAGE_OF_BERT_2)),
        commit(1, Remove(2), data=revocation_of(CARL)),
        commit(1, waiting=(wish(2),)),
        commit(1, change(Roles(True, (ANNA.user,), (Vouch(VOUCH, BERT.user),))), roles=OPEN),
        commit(1, change(without), roles=VOUCHED),
        commit(1, change(without), roles=VOUCHED, tree=with_voucher, waiting=(wish(2),)),
        commit(0, Remove(2), tree=with_voucher),
        commit(1, new_leaf=path_leaf(BERT, identity=BERT.identity(1, 2).encode())),
        # Nobody who administers is there, so everybody does.
        commit(1, Add(PACKAGE), Remove(2), change(Roles(True, (BERT.user,))), roles=Roles(False, (DORA.user,))),
    ):
        check_commit(judged)


def test_a_second_device_may_be_removed_by_its_user():
    """Without being an administrator."""
    tree = tree_of(leaf(ANNA), leaf(BERT), leaf(BERT_2))

    check_commit(commit(1, Remove(2), tree=tree))


BERT_CAME = tree_of(leaf(ANNA), leaf(BERT, extensions=(voucher_extension(VOUCH),)))


def test_who_may_come_in():
    """The three forms, each as an honest client makes it."""
    dora = path_leaf(DORA, extensions=(voucher_extension(VOUCH),))
    for judged in (
        external(path_leaf(CARL), member_data(ROOM, MESSAGE), remove=2),
        external(dora, voucher_of(DORA), roles=VOUCHED),
        external(path_leaf(BERT_2), own_device_of(BERT_2)),
        external(path_leaf(BERT_2), own_device_of(BERT_2), remove=1),
        external(path_leaf(BERT_2), own_device_of(BERT_2), remove=1, tree=BERT_CAME),
    ):
        check_commit(judged)


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        (commit(1, Add(PACKAGE)), "role-add"),
        (commit(1, Remove(2)), "role-remove"),
        (commit(1, Remove(2), roles=OPEN), "role-remove"),
        (commit(1, Remove(0)), "role-remove"),
        (commit(1, change(OPEN)), "role-change"),
        (commit(1, change(Roles(False, (ANNA.user, BERT.user)))), "role-change"),
        (commit(1, change(Roles(False, ()))), "role-change"),
        (commit(1, change(Roles(True, (BERT.user,))), roles=OPEN), "role-change"),
        (commit(1, change(VOUCHED)), "role-vouch"),
        (commit(1, change(Roles(False, (ANNA.user,), (Vouch(VOUCH, BERT.user),)))), "role-vouch"),
        (commit(1, change(Roles(True, (ANNA.user,), (Vouch(VOUCH, ANNA.user),))), roles=OPEN), "role-vouch"),
        (commit(1, change(Roles(False, (ANNA.user,), (Vouch(VOUCH, BERT.user),))), roles=VOUCHED), "role-vouch"),
        (commit(1, waiting=(wish(2, sender=0),)), "role-remove"),
        (commit(0, waiting=(wish(2, sender=1),)), "role-remove"),
        (commit(0, waiting=(Proposed(Add(PACKAGE), 1, by_reference=True),)), "proposal-type"),
        (commit(0, waiting=(Proposed(change(OPEN), 0, by_reference=True),)), "proposal-type"),
        (commit(0, Update(path_leaf(ANNA))), "proposal-type"),
        (commit(0, ReInit(ROOM, 1, ROOM_SUITE.number, ())), "proposal-type"),
        (commit(0, ExternalInit(b"kem")), "proposal-type"),
        (commit(0, Remove(3)), "leaf-blank"),
        (commit(1, Remove(2), data=revocation_of(BERT)), "revocation"),
        (commit(1, Remove(2), data=revocation_of(CARL, root=BERT.root)), "revocation"),
        (commit(1, Remove(2), data=revocation_of(Device("carl", 2))), "revocation"),
        (commit(1, Remove(2), Remove(0), data=revocation_of(CARL)), "revocation"),
        (commit(0, Remove(2), Remove(1), data=revocation_of(CARL)), "revocation"),
        (commit(1, data=revocation_of(CARL)), "revocation"),
        (commit(1, data=revocation_of(CARL), waiting=(wish(2),)), "revocation"),
        (commit(0, data=voucher_of(ANNA)), "data-form"),
        (commit(0, data=own_device_of(ANNA)), "data-form"),
        (commit(0, data=b"\5" + ROOM + MESSAGE), "data-form"),
        (commit(0, data=member_data(ROOM, MESSAGE) + b"\0"), "data-form"),
        (commit(0, data=member_data(b"R" * 16, MESSAGE)), "data-room"),
        (commit(1, new_leaf=path_leaf(CARL)), "path-identity"),
        (commit(1, new_leaf=path_leaf(BERT_2)), "path-identity"),
        (commit(1, new_leaf=path_leaf(BERT, extensions=(voucher_extension(VOUCH),))), "path-identity"),
        (commit(1, new_leaf=path_leaf(BERT, key="leaf")), "path-key"),
        (commit(1, new_leaf=path_leaf(BERT, encryption_key=key_pair("carl", 1, "leaf").public)), "path-key"),
    ],
)
def test_a_member_who_may_not(judged, reason):
    """Refused by everybody, and by the device that is removed by it, which has no new tree."""
    refused(judged, reason)
    refused(replace(judged, new_tree=None, new_context=None), reason)


def test_an_agent_never_becomes_a_human():
    """Kind stays, as user, device and root do; only dates may change."""
    agent = Device("bert", kind=2)

    refused(commit(1, new_leaf=path_leaf(agent)), "path-identity")


def test_a_group_asks_the_same_function():
    """What the group is given answers as the function does."""
    RoomRules().check_commit(commit(0))
    with pytest.raises(Invalid, match="role-add"):
        RoomRules().check_commit(commit(1, Add(PACKAGE)))


def test_a_commit_has_a_path():
    """A removed device could follow one without."""
    refused(replace(commit(0, Add(PACKAGE)), leaf=None), "no-path")


def test_a_listed_voucher_goes_with_its_leaf():
    """Else who was removed could come back by it."""
    tree = tree_of(leaf(ANNA), leaf(BERT), leaf(CARL, extensions=(voucher_extension(VOUCH),)))

    for judged in (
        commit(0, Remove(2), roles=VOUCHED, tree=tree),
        commit(1, roles=VOUCHED, tree=tree, waiting=(wish(2),)),
        commit(1, Remove(2), roles=VOUCHED, tree=tree, data=revocation_of(CARL)),
        commit(0, Remove(2), change(replace(VOUCHED, every_member_may_add=True)), roles=VOUCHED, tree=tree),
        commit(0, Remove(2), change(VOUCHED), roles=ADMINISTERED, tree=tree),
    ):
        refused(judged, "voucher-listed")
    check_commit(commit(0, Remove(2), change(ADMINISTERED), roles=VOUCHED, tree=tree))
    # A resync is exempt: the same device takes the place of its leaf, with the voucher.
    back = path_leaf(CARL, extensions=(voucher_extension(VOUCH),))
    check_commit(external(back, member_data(ROOM, MESSAGE), remove=2, roles=VOUCHED, tree=tree))


DORA_VOUCHED = path_leaf(DORA, extensions=(voucher_extension(VOUCH),))
ANOTHER = DeviceKey(seed("another voucher"))


@pytest.mark.parametrize(
    ("judged", "reason"),
    [
        (external(path_leaf(CARL), member_data(ROOM, MESSAGE)), "resync"),
        (external(path_leaf(DORA), member_data(ROOM, MESSAGE)), "resync"),
        (external(path_leaf(DORA), member_data(ROOM, MESSAGE), remove=2), "resync"),
        (external(path_leaf(BERT_2), member_data(ROOM, MESSAGE), remove=1), "resync"),
        (
            external(path_leaf(CARL, extensions=(voucher_extension(VOUCH),)), member_data(ROOM, MESSAGE), remove=2),
            "resync",
        ),
        (external(path_leaf(CARL), revocation_of(CARL), remove=2), "data-form"),
        (external(DORA_VOUCHED, voucher_of(DORA), roles=ADMINISTERED), "voucher"),
        (external(path_leaf(DORA), voucher_of(DORA), roles=VOUCHED), "voucher"),
        (external(DORA_VOUCHED, voucher_of(DORA, key=ANOTHER), roles=VOUCHED), "voucher"),
        (
            external(
                path_leaf(DORA, extensions=(voucher_extension(bytes(ANOTHER.public)),)),
                voucher_of(DORA),
                roles=VOUCHED,
            ),
            "voucher",
        ),
        (external(DORA_VOUCHED, voucher_of(DORA), roles=VOUCHED, remove=2), "voucher"),
        (external(DORA_VOUCHED, voucher_of(CARL), roles=VOUCHED), "voucher-proof"),
        (
            external(DORA_VOUCHED, voucher_of(DORA), roles=Roles(True, (), (Vouch(VOUCH, DORA.user),))),
            "voucher-inviter",
        ),
        (
            external(DORA_VOUCHED, voucher_of(DORA), roles=Roles(False, (ANNA.user,), (Vouch(VOUCH, BERT.user),))),
            "voucher-inviter",
        ),
        (
            external(
                DORA_VOUCHED,
                voucher_of(DORA),
                roles=VOUCHED,
                tree=tree_of(leaf(ANNA), leaf(CARL, extensions=(voucher_extension(VOUCH),))),
            ),
            "voucher-used",
        ),
        (external(path_leaf(DORA), own_device_of(DORA)), "own-device"),
        (external(path_leaf(BERT_2), own_device_of(BERT_2), remove=2), "own-device"),
        (
            external(path_leaf(BERT_2, extensions=(voucher_extension(VOUCH),)), own_device_of(BERT_2), roles=VOUCHED),
            "own-device",
        ),
        (external(path_leaf(BERT_2), own_device_of(BERT_2, epoch=4)), "own-device-proof"),
        (external(path_leaf(BERT_2), own_device_of(BERT_2, epoch=6)), "own-device-proof"),
        (external(path_leaf(BERT_2), own_device_of(BERT_2, root=ANNA.root)), "own-device-proof"),
        (external(path_leaf(BERT_2), own_device_of(Device("bert", 3))), "own-device-proof"),
        (
            external(
                path_leaf(BERT_2),
                own_device_of(BERT_2),
                remove=1,
                roles=VOUCHED,
                tree=BERT_CAME,
            ),
            "voucher-listed",
        ),
        (external(path_leaf(CARL), member_data(ROOM, MESSAGE), remove=2, proposals=()), "external-proposals"),
        (
            external(path_leaf(BERT_2), own_device_of(BERT_2), proposals=by_value(None, change(OPEN))),
            "external-proposals",
        ),
        (
            external(path_leaf(CARL), member_data(ROOM, MESSAGE), proposals=by_value(None, Remove(2))),
            "external-proposals",
        ),
        (
            external(
                path_leaf(CARL),
                member_data(ROOM, MESSAGE),
                remove=2,
                proposals=by_value(None, ExternalInit(b"kem"), ExternalInit(b"mek"), Remove(2)),
            ),
            "external-proposals",
        ),
        (
            external(
                path_leaf(CARL),
                member_data(ROOM, MESSAGE),
                remove=2,
                proposals=by_value(None, ExternalInit(b"kem"), Remove(2), Remove(1)),
            ),
            "external-proposals",
        ),
        (
            external(
                path_leaf(CARL),
                member_data(ROOM, MESSAGE),
                remove=2,
                proposals=by_value(None, ExternalInit(b"kem"), Remove(2), change(OPEN)),
            ),
            "external-proposals",
        ),
        (
            external(
                path_leaf(CARL),
                member_data(ROOM, MESSAGE),
                remove=2,
                proposals=(*by_value(None, ExternalInit(b"kem")), wish(2)),
            ),
            "external-proposals",
        ),
    ],
)
def test_a_stranger_who_may_not(judged, reason):
    """Refused by everybody, and by the device that is removed by it, which has no new tree."""
    refused(judged, reason)
    refused(replace(judged, new_tree=None, new_context=None), reason)


def bad_identities():
    """Identities that no leaf may have, with the reason."""
    good = DORA.identity().encode()
    root = RootKey(seed("self-made"))
    yield good[:-1], "identity"
    yield good + b"\0", "identity"
    yield b"\2" + good[1:], "identity"
    yield good[:33] + b"\3" + good[34:], "identity"
    yield BERT.identity().encode(), "certificate"
    yield good[:1] + ANNA.user + good[17:], "certificate"
    yield good[:17] + BERT.identity().device_id + good[33:], "certificate"
    yield good[:34] + bytes(root.public) + good[66:], "certificate"
    yield good[:80] + bytes([good[80] ^ 1]) + good[81:], "certificate"
    yield good[:-1] + bytes([good[-1] ^ 1]), "certificate"


def with_leaf(new_leaf):
    """THREE with one leaf more."""
    return THREE.add(new_leaf)[0]


@pytest.mark.parametrize(("identity", "reason"), list(bad_identities()))
def test_a_leaf_that_nobody_certified(identity, reason):
    """In a tree that is joined, in a key package, and in a tree that a commit leads to."""
    bad = leaf(DORA, identity=identity)
    for check in (
        lambda: check_tree(with_leaf(bad), context_of(ADMINISTERED)),
        lambda: check_tree(with_leaf(bad), context_of(ADMINISTERED), THREE),
        lambda: check_key_package(replace(PACKAGE, leaf_node=bad)),
        lambda: check_commit(commit(0, Add(replace(PACKAGE, leaf_node=bad)))),
    ):
        with pytest.raises(Invalid) as found:
            check()
        assert found.value.reason == reason


GOOD = leaf(DORA)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"credential": Credential(CredentialType.X509, GOOD.credential.identity)}, "identity"),
        ({"capabilities": replace(GOOD.capabilities, proposals=(10,))}, "capabilities"),
        ({"capabilities": replace(GOOD.capabilities, cipher_suites=(0xF04E, 1))}, "capabilities"),
        ({"capabilities": replace(GOOD.capabilities, extensions=(0xF0C2, 0xF0C1))}, "capabilities"),
        ({"extensions": (Extension(0xF0C1, bytes(32)),)}, "leaf-extensions"),
        ({"extensions": (Extension(0xF0C2, bytes(31)),)}, "leaf-extensions"),
        ({"extensions": (Extension(0xF0C2, bytes(33)),)}, "leaf-extensions"),
        ({"extensions": (Extension(0xF0C2, bytes(32)), Extension(1, b""))}, "leaf-extensions"),
        ({"signature_key": BERT.signature_key[:31]}, "certificate"),
    ],
)
def test_a_leaf_of_another_kind(changed, reason):
    """Exactly our capabilities, a basic credential, at most one voucher of 32 bytes."""
    with pytest.raises(Invalid) as found:
        check_tree(with_leaf(replace(GOOD, **changed)), context_of(ADMINISTERED))
    assert found.value.reason == reason


def test_a_path_leaf_that_nobody_certified():
    """Seen by the device that is removed, too, which has no tree to look at."""
    for identity in (BERT.identity().encode()[:-1] + b"\0", BERT.identity(1, 2).encode()[:-64] + bytes(64)):
        forged = path_leaf(BERT, identity=identity)
        for judged in (commit(1, new_leaf=forged), external(forged, member_data(ROOM, MESSAGE), remove=1)):
            refused(judged, "certificate")
            refused(replace(judged, new_tree=None, new_context=None), "certificate")


def test_a_tree_may_hold_a_leaf_with_a_voucher():
    """Of 32 bytes; a key package may not: it comes by an Add."""
    carried = leaf(DORA, extensions=(voucher_extension(VOUCH),))

    check_tree(with_leaf(carried), context_of(ADMINISTERED))
    with pytest.raises(Invalid) as found:
        check_key_package(replace(PACKAGE, leaf_node=carried))
    assert found.value.reason == "leaf-extensions"


def test_what_was_judged_before_is_not_judged_again():
    """A leaf stays where it was, even when a client of today would not let it in."""
    old = with_leaf(leaf(DORA, identity=DORA.identity().encode()[:-1] + b"\0"))

    check_tree(old, context_of(ADMINISTERED), old)
    moved = THREE.changed({4: old.leaf(3), 6: None})
    with pytest.raises(Invalid, match="certificate"):
        check_tree(moved, context_of(ADMINISTERED), old)


def test_no_key_stands_in_a_tree_twice():
    """Encryption keys of leaves and parents, signature keys of leaves; a device has one id for its key."""
    same_signer = leaf(CARL, key="another")
    same_key = replace(leaf(DORA), encryption_key=key_pair("carl", 1, "leaf").public)
    parent = ParentNode(key_pair("carl", 1, "leaf").public, b"", ())

    for tree in (with_leaf(same_signer), with_leaf(same_key), THREE.changed({1: parent})):
        with pytest.raises(Invalid, match="twice"):
            check_tree(tree, context_of(ADMINISTERED), THREE)


BAD_KEYS = [
    bytes(1215),
    b"\xff" * 1184 + key_pair("dora", 1, "x").public[1184:],
    key_pair("dora", 1, "x").public[:1184] + bytes(32),
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=["short", "coefficients", "small order"])
def test_a_key_that_nobody_may_seal_to(key):
    """In a leaf, a parent, an init key and a path leaf."""
    for check in (
        lambda: check_tree(with_leaf(replace(GOOD, encryption_key=key)), context_of(ADMINISTERED), THREE),
        lambda: check_tree(THREE.changed({1: ParentNode(key, b"", ())}), context_of(ADMINISTERED), THREE),
        lambda: check_key_package(replace(PACKAGE, init_key=key)),
        lambda: check_key_package(replace(PACKAGE, leaf_node=replace(GOOD, encryption_key=key))),
        lambda: check_commit(commit(0, new_leaf=path_leaf(ANNA, encryption_key=key))),
        lambda: check_commit(
            replace(commit(0, new_leaf=path_leaf(ANNA, encryption_key=key)), new_tree=None, new_context=None)
        ),
    ):
        with pytest.raises(Malformed):
            check()


ROLES = ADMINISTERED.extension()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"cipher_suite": 1}, "suite"),
        ({"group_id": b"r" * 15}, "group-id"),
        ({"epoch": 2**53 - 1}, "epoch"),
        ({"extensions": ()}, "context-extensions"),
        ({"extensions": (ROLES,)}, "context-extensions"),
        ({"extensions": (REQUIRED_CAPABILITIES,)}, "context-extensions"),
        ({"extensions": (ROLES, REQUIRED_CAPABILITIES)}, "context-extensions"),
        ({"extensions": (REQUIRED_CAPABILITIES, ROLES, ROLES)}, "context-extensions"),
        ({"extensions": (REQUIRED_CAPABILITIES, ROLES, Extension(5, b"\0"))}, "context-extensions"),
        ({"extensions": (Extension(3, b"\0\0\0"), ROLES)}, "context-extensions"),
        ({"extensions": (REQUIRED_CAPABILITIES, Extension(0xF0C1, ROLES.extension_data + b"\0"))}, "roles"),
    ],
)
def test_a_context_of_another_kind(changed, reason):
    """In a room that is joined, and in one that a commit leads to, by whoever it is."""
    context = context_of(ADMINISTERED, **changed)
    with pytest.raises(Invalid) as found:
        RoomRules().check_join(THREE, context)
    assert found.value.reason == reason
    with pytest.raises(Invalid) as found:
        check_commit(replace(commit(0), new_context=context))
    assert found.value.reason == reason
    if "extensions" in changed:
        removed = replace(commit(0, GroupContextExtensions(context.extensions)), new_tree=None, new_context=None)
        refused(removed, reason)


def test_a_key_package_of_another_kind():
    """Of another suite, or with extensions."""
    check_key_package(PACKAGE)
    for changed, reason in (({"cipher_suite": 1}, "suite"), ({"extensions": (ROLES,)}, "package-extensions")):
        with pytest.raises(Invalid) as found:
            RoomRules().check_key_package(replace(PACKAGE, **changed))
        assert found.value.reason == reason
        refused(commit(0, Add(replace(PACKAGE, **changed))), reason)


def test_what_may_wait_for_a_commit():
    """A member's own removal; nobody else's, nothing else."""
    rules = RoomRules()

    rules.check_proposal(wish(1))
    for proposed in (wish(1, sender=0), Proposed(Add(PACKAGE), 1, by_reference=True)):
        with pytest.raises(Invalid):
            rules.check_proposal(proposed)


def test_what_a_message_carries_in_the_clear():
    """The data of a member's message, of this room."""
    rules = RoomRules()

    def content(data):
        return FramedContent(ROOM, 5, Sender.member(1), data, ContentType.APPLICATION, b"")

    rules.check_message(content(member_data(ROOM, MESSAGE)))
    for data, reason in ((own_device_of(BERT), "data-form"), (member_data(MESSAGE, ROOM), "data-room")):
        with pytest.raises(Invalid) as found:
            rules.check_message(content(data))
        assert found.value.reason == reason


def test_a_newcomers_commit_alone_is_not_encrypted():
    """Members encrypt what they say; nobody else says anything."""
    rules = RoomRules()

    def content(sender, content_type):
        return FramedContent(ROOM, 5, sender, b"", content_type, b"")

    newcomer, member = Sender(SenderType.NEW_MEMBER_COMMIT), Sender.member(1)
    assert rules.allows_public_message(content(newcomer, ContentType.COMMIT))
    assert not rules.allows_public_message(content(newcomer, ContentType.PROPOSAL))
    assert not rules.allows_public_message(content(member, ContentType.COMMIT))
    assert not rules.allows_public_message(content(Sender(SenderType.EXTERNAL, 0), ContentType.COMMIT))


def test_rooms_have_one_suite_and_no_pre_shared_keys():
    """The suite of the vectors is for vectors."""
    rules = RoomRules()

    assert rules.allows_suite(0xF04E)
    assert not rules.allows_suite(1)
    with pytest.raises(Invalid, match=r"^psk-unknown$"):
        rules.pre_shared_key(PreSharedKeyID(PSKType.EXTERNAL, b"id", 0, b"", 0, bytes(48)))
