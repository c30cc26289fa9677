"""Hostile commits of members: what they may not do, what no commit may hold, and paths that lie."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from clawchat.mls.codec import u16
from clawchat.mls.commit import HPKECiphertext, UpdatePath
from clawchat.mls.nodes import Extension, LeafNode, LeafNodeSource, Lifetime
from clawchat.mls.profile import (
    Roles,
    Vouch,
    device_revoked_message,
    member_data,
    revoked_data,
    room_extensions,
    voucher_extension,
)
from clawchat.mls.proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    ProposalOrRef,
    ReInit,
    Remove,
    Update,
)
from clawchat.mls.psk import PreSharedKeyID, PSKType
from clawchat.mls.tree_hash import with_path
from clawchat.protocol.keys import RootKey
from tests.mls.hostile.edwards import NEUTRAL, SMALL_ORDER
from tests.mls.hostile.forge import Forgery, forge_commit, keep
from tests.mls.hostile.packages import bad_packages, flipped, honest_package, signed
from tests.mls.hostile.repeating import REPEATING_SUITE
from tests.mls.hostile.world import (
    ANNA_AT,
    BERT_AT,
    CARL_AT,
    VOUCH,
    Case,
    World,
    message_id,
    package,
    plain,
    ruled,
)
from tests.mls.members import ANNA, BERT, CARL, DORA, Device, key_pair, seed

SUITE = REPEATING_SUITE


def case(world: Callable[[], World], name: str, expect: str, reason: str | None = None, **forged: Any) -> Case:
    """Carl's commit, judged by Bert."""
    room = world()
    forgery = Forgery(data=forged.pop("data", room.data()), **forged)
    message = forge_commit(CARL.member(), room.state("carl"), forgery)
    return Case(name, "open", "bert", {"message": message}, expect, reason, world.__name__)


def change(roles: Roles) -> GroupContextExtensions:
    """The proposal that sets these roles."""
    return GroupContextExtensions(room_extensions(roles))


def roles_cases() -> Iterator[Case]:
    """Carl is not an administrator, and everybody may not add."""
    anna = (ANNA.user,)
    listed = (Vouch(VOUCH, ANNA.user),)
    add = Add(package("dora").package)
    yield case(plain, "an honest path update", "commit")
    yield case(plain, "an own device is added", "commit", proposals=(Add(honest_package(Device("carl", 2))),))
    yield case(plain, "a stranger is added", "invalid", "role-add", proposals=(add,))
    yield case(plain, "another user is removed", "invalid", "role-remove", proposals=(Remove(ANNA_AT),))
    yield case(plain, "the receiver is removed without a right", "invalid", "role-remove", proposals=(Remove(BERT_AT),))
    yield case(
        plain,
        "a member makes itself administrator",
        "invalid",
        "role-change",
        proposals=(change(Roles(False, (ANNA.user, CARL.user), listed)),),
    )
    yield case(
        plain, "a member lets everybody add", "invalid", "role-change", proposals=(change(Roles(True, anna, listed)),)
    )
    yield case(
        plain,
        "a member vouches who may not add",
        "invalid",
        "role-vouch",
        proposals=(change(Roles(False, anna, (*listed, Vouch(seed("mine"), CARL.user)))),),
    )
    yield case(
        plain,
        "a member vouches in another's name",
        "invalid",
        "role-vouch",
        proposals=(change(Roles(False, anna, (*listed, Vouch(seed("mine"), ANNA.user)))),),
    )
    yield case(plain, "a voucher is dropped", "commit", proposals=(change(Roles(False, anna)),))
    yield case(
        plain,
        "a member adds and makes it right with the roles of the same commit",
        "invalid",
        "role-add",
        proposals=(add, change(Roles(True, anna, listed))),
    )


def removal_cases() -> Iterator[Case]:
    """Removals by whom they are not, and what a commit that removes Bert shows him."""
    bert_key = BERT.signature_key

    def revoked(key: bytes, root: RootKey) -> bytes:
        return revoked_data(plain().room, message_id(1), key, root.sign(device_revoked_message(key)))

    remove = (Remove(ANNA_AT),)
    anna_key = ANNA.signature_key
    good = revoked(anna_key, ANNA.root)
    yield case(plain, "a revoked device is removed by anybody", "commit", proposals=remove, data=good)
    yield case(
        plain,
        "the receiver's device was revoked",
        "removed",
        proposals=(Remove(BERT_AT),),
        data=revoked(bert_key, BERT.root),
    )
    yield case(
        plain,
        "a revocation by the committer's own root",
        "invalid",
        "revocation",
        proposals=remove,
        data=revoked(anna_key, CARL.root),
    )
    yield case(
        plain,
        "a revocation of another device",
        "invalid",
        "revocation",
        proposals=remove,
        data=revoked(bert_key, BERT.root),
    )
    other = revoked(Device("anna", 2).signature_key, ANNA.root)
    yield case(plain, "a revocation of the user's other device", "invalid", "revocation", proposals=remove, data=other)
    yield case(
        plain,
        "a revocation that removes two",
        "invalid",
        "revocation",
        proposals=(Remove(ANNA_AT), Remove(BERT_AT)),
        data=good,
    )
    yield case(plain, "a revocation that removes nobody", "invalid", "revocation", data=good)
    yield case(
        plain,
        "a revocation with a signature of zeros",
        "invalid",
        "revocation",
        proposals=remove,
        data=good[:-64] + bytes(64),
    )
    yield case(
        plain,
        "a revocation with R of small order",
        "invalid",
        "revocation",
        proposals=remove,
        data=good[:-64] + SMALL_ORDER + good[-32:],
    )
    yield case(ruled, "an administrator removes the receiver", "removed", proposals=(Remove(BERT_AT),))
    yield case(
        ruled,
        "the receiver is removed by a commit that takes another's leaf",
        "invalid",
        "path-identity",
        proposals=(Remove(BERT_AT),),
        leaf_member=Device("carl", 2).member(),
    )
    yield case(
        ruled,
        "the receiver is removed by a commit of another room's data",
        "invalid",
        "data-room",
        proposals=(Remove(BERT_AT),),
        data=member_data(bytes(16), message_id(1)),
    )
    anna_leaf = ruled().state("anna").epoch.own_leaf.encryption_key
    yield case(
        ruled,
        "the receiver is removed by a commit with another's key",
        "invalid",
        "path-key",
        proposals=(Remove(BERT_AT),),
        leaf=lambda leaf: replace(leaf, encryption_key=anna_leaf),
    )
    yield case(
        ruled,
        "the receiver is removed, and the roles are broken",
        "invalid",
        "context-extensions",
        proposals=(Remove(BERT_AT), GroupContextExtensions(())),
    )
    yield case(ruled, "nobody is removed", "invalid", "leaf-blank", proposals=(Remove(3),))
    yield case(ruled, "somebody beyond the tree is removed", "invalid", "leaf-blank", proposals=(Remove(2**32 - 1),))
    yield case(ruled, "the committer removes itself", "invalid", "own-leaf", proposals=(Remove(CARL_AT),))
    yield case(
        ruled,
        "one is removed twice",
        "invalid",
        "leaf-twice",
        proposals=(Remove(ANNA_AT),),
        listed=lambda entries: entries * 2,
    )


def proposal_cases() -> Iterator[Case]:
    """Proposals that a room does not have."""
    world = ruled()
    old_leaf = world.state("carl").epoch.tree.member(CARL_AT)
    psk = PreSharedKeyID(PSKType.EXTERNAL, b"psk", 0, b"", 0, bytes(48))

    def listing(name: str, expect: str, reason: str | None, *extra: Any) -> Case:
        return case(ruled, name, expect, reason, listed=lambda entries: (*entries, *map(ProposalOrRef, extra)))

    yield listing("an Update", "invalid", "own-leaf", Update(_updated(old_leaf)))
    yield listing("a ReInit", "invalid", "proposal-type", ReInit(world.room, 1, SUITE.number, ()))
    yield listing("a ReInit to a weaker suite", "invalid", "proposal-type", ReInit(world.room, 1, 1, ()))
    yield listing("a pre-shared key", "invalid", "psk-unknown", PreSharedKey(psk))
    yield listing("an ExternalInit of a member", "invalid", "external-init", ExternalInit(bytes(1120)))
    yield listing("an unknown proposal", "malformed", None, _Raw(u16(0xF123) + b"\3abc"))
    yield listing("two changes of the context", "invalid", "extensions-twice", *[change(world.roles)] * 2)
    yield case(ruled, "a proposal nobody sent", "invalid", "proposal-unknown", references=(bytes(48),))
    yield case(
        ruled,
        "an Add and no path",
        "invalid",
        "no-path",
        path=lambda path: None,
        proposals=(Add(package("dora").package),),
    )
    yield case(ruled, "nothing and no path", "invalid", "no-path", path=lambda path: None)
    yield case(
        ruled, "a Remove and no path", "invalid", "no-path", path=lambda path: None, proposals=(Remove(ANNA_AT),)
    )
    contexts = {
        "no extensions": ((), "context-extensions"),
        "external senders": ((*room_extensions(world.roles), Extension(5, b"\0")), "context-extensions"),
        "roles alone": ((world.roles.extension(),), "context-extensions"),
        "other required capabilities": ((Extension(3, b"\0\0\0"), world.roles.extension()), "context-extensions"),
        "roles with a byte more": (
            (room_extensions(world.roles)[0], Extension(0xF0C1, world.roles.encode() + b"\0")),
            "roles",
        ),
    }
    for name, (extensions, reason) in contexts.items():
        yield case(ruled, f"a context with {name}", "invalid", reason, proposals=(GroupContextExtensions(extensions),))


class _Raw:
    """A proposal of a type that the library does not have."""

    kind = None

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded

    def encode(self) -> bytes:
        """The bytes it was made of."""
        return self._encoded


def _updated(leaf: LeafNode) -> LeafNode:
    """Carl's leaf as an Update brings it."""
    public = key_pair("carl", "update").public
    return replace(
        CARL.member().leaf(LeafNodeSource.UPDATE, public, group_id=ruled().room, leaf_index=CARL_AT),
        extensions=leaf.extensions,
    )


def package_cases() -> Iterator[Case]:
    """Key packages that an administrator adds all the same."""
    for name, (made, expect, reason) in bad_packages().items():
        yield case(ruled, f"an Add: {name}", expect, reason, proposals=(Add(made),))
    twice = (Add(package("dora").package), Add(package("dora", 2).package))
    yield case(ruled, "a device is added twice", "invalid", "signature-key-twice", proposals=twice)
    expired = replace(package("dora").package.leaf_node, lifetime=Lifetime(0, 1)).sign(SUITE, DORA.key.sign, b"", 0)
    late = signed(replace(package("dora").package, leaf_node=expired))
    yield case(ruled, "an Add: a key package that expired, which is trust's to judge", "commit", proposals=(Add(late),))
    again = (Remove(ANNA_AT), Add(honest_package(ANNA)))
    yield case(ruled, "a device is removed and added again", "commit", proposals=again)
    member = Add(package("bert", 2).package)
    yield case(ruled, "a member is added again", "invalid", "signature-key-twice", proposals=(member,))


def path_cases() -> Iterator[Case]:
    """Paths that lie; Carl is an administrator, which helps him nothing here."""
    tree = ruled().state("bert").epoch.tree
    own, bert_key = tree.member(CARL_AT), tree.member(BERT_AT).encryption_key

    def leaf_case(name: str, expect: str, reason: str | None, leaf: Callable[[LeafNode], LeafNode]) -> Case:
        return case(ruled, f"a path leaf: {name}", expect, reason, leaf=leaf)

    def key(name: str, expect: str, reason: str | None, public: bytes) -> Case:
        return leaf_case(name, expect, reason, lambda leaf: replace(leaf, encryption_key=public))

    def who(name: str, identity: bytes, reason: str) -> Case:
        return case(ruled, f"a path leaf: {name}", "invalid", reason, leaf_member=CARL.member(identity))

    yield case(ruled, "a path leaf: renewed dates", "commit", leaf_member=CARL.member(CARL.identity(5, 6).encode()))
    yield who("another identity", DORA.identity().encode(), "certificate")
    yield who("an agent's identity", Device("carl", 1, 2).identity().encode(), "path-identity")
    yield case(
        ruled,
        "a path leaf: another device of the same user",
        "invalid",
        "path-identity",
        leaf_member=Device("carl", 2).member(),
    )
    yield case(
        ruled,
        "a path leaf: a voucher that was not there",
        "invalid",
        "path-identity",
        leaf_extensions=(voucher_extension(VOUCH),),
    )
    yield key("the key it had", "invalid", "encryption-key-twice", own.encryption_key)
    yield key("another member's key", "invalid", "encryption-key-twice", bert_key)
    yield key("a bad key", "malformed", None, b"\xff" * 1184 + own.encryption_key[1184:])
    yield leaf_case("a false signature", "unauthentic", None, lambda leaf: keep(replace(leaf, signature=bytes(64))))
    yield leaf_case("another parent hash", "invalid", "parent-hash", lambda leaf: replace(leaf, parent_hash=bytes(48)))
    yield leaf_case("no parent hash", "invalid", "parent-hash", lambda leaf: replace(leaf, parent_hash=b""))
    yield leaf_case(
        "other capabilities",
        "invalid",
        "capabilities",
        lambda leaf: replace(leaf, capabilities=replace(leaf.capabilities, versions=(1, 2))),
    )
    yield leaf_case(
        "of a key package",
        "invalid",
        "leaf-source",
        lambda leaf: replace(
            leaf,
            leaf_node_source=LeafNodeSource.KEY_PACKAGE,
            parent_hash=None,
            lifetime=package("dora").package.leaf_node.lifetime,
        ),
    )
    yield case(ruled, "a path leaf: signed for another place", "unauthentic", leaf_index=ANNA_AT)

    def nodes(name: str, expect: str, reason: str | None, path: Callable[[UpdatePath], UpdatePath]) -> Case:
        return case(ruled, f"a path: {name}", expect, reason, path=path)

    ghost = key_pair("ghost").public
    yield nodes("a node too many", "invalid", "path-length", lambda path: replace(path, nodes=path.nodes * 2))
    yield nodes(
        "a ghost above the root",
        "invalid",
        "path-length",
        lambda path: replace(
            path, nodes=(*path.nodes, replace(path.nodes[0], encryption_key=ghost, encrypted_path_secret=()))
        ),
    )
    yield nodes("no nodes", "invalid", "path-length", lambda path: replace(path, nodes=()))
    yield nodes(
        "a ghost in the place of the root",
        "invalid",
        "parent-hash",
        lambda path: _with_node(path, encryption_key=ghost),
    )
    yield nodes(
        "a member's key in the place of the root",
        "invalid",
        "encryption-key-twice",
        lambda path: _with_node(path, encryption_key=bert_key),
    )
    yield nodes(
        "a bad key", "malformed", None, lambda path: _with_node(path, encryption_key=b"\xff" * 1184 + ghost[1184:])
    )
    yield nodes("sealed to nobody", "invalid", "path-length", lambda path: _with_node(path, encrypted_path_secret=()))
    yield nodes(
        "sealed to one too many",
        "invalid",
        "path-length",
        lambda path: _with_node(path, encrypted_path_secret=path.nodes[0].encrypted_path_secret * 2),
    )
    yield case(ruled, "a path: another secret", "invalid", "path-key", path_secret=bytes(48))
    yield case(ruled, "a path: a short secret", "invalid", "path-secret", path_secret=bytes(47))
    yield nodes(
        "a seal that does not open",
        "unauthentic",
        None,
        lambda path: _sealed(path, lambda sealed: replace(sealed, ciphertext=flipped(sealed.ciphertext))),
    )
    yield nodes(
        "a seal under another key",
        "unauthentic",
        None,
        lambda path: _sealed(path, lambda sealed: replace(sealed, kem_output=flipped(sealed.kem_output))),
    )
    yield nodes(
        "a seal of small order",
        "unauthentic",
        None,
        lambda path: _sealed(path, lambda sealed: replace(sealed, kem_output=sealed.kem_output[:1088] + bytes(32))),
    )
    yield nodes(
        "a short KEM output",
        "malformed",
        None,
        lambda path: _sealed(path, lambda sealed: replace(sealed, kem_output=sealed.kem_output[:-1])),
    )
    # The leaf's parent hash fits the key that stands there twice, so the tree itself is what refuses it.
    yield case(
        ruled,
        "a path: the root has a member's key, and the leaf says so",
        "invalid",
        "encryption-key-twice",
        path=lambda path: _with_node(path, encryption_key=bert_key),
        leaf=_names_as_root(bert_key),
    )
    yield case(ruled, "a confirmation tag of another epoch", "unauthentic", tag=lambda tag: bytes(48))
    yield case(ruled, "a short confirmation tag", "unauthentic", tag=lambda tag: tag[:-1])
    yield case(ruled, "an empty confirmation tag", "unauthentic", tag=lambda tag: b"")
    yield case(ruled, "a commit signed by somebody else", "unauthentic", signer=ANNA.key.sign)
    yield case(ruled, "a commit whose signature has r = 0", "unauthentic", signature=lambda made: NEUTRAL + made[32:])


def data_cases() -> Iterator[Case]:
    """Authenticated data that a member's commit may not have."""
    room = ruled().room
    for name, data, reason in (
        ("none", b"", "data-form"),
        ("of another room", member_data(bytes(16), message_id(1)), "data-room"),
        ("with a byte more", member_data(room, message_id(1)) + b"\0", "data-form"),
        ("of a voucher", b"\2" + room + message_id(1) + bytes(96), "data-form"),
        ("of an own device", b"\3" + room + message_id(1) + bytes(64), "data-form"),
        ("of a fifth form", b"\5" + room + message_id(1), "data-form"),
    ):
        yield case(ruled, f"authenticated data {name}", "invalid", reason, data=data)


def _names_as_root(key: bytes) -> Callable[[LeafNode], LeafNode]:
    """The hook that gives the path leaf the parent hash of a root with this key."""
    _, parent_hash = with_path(ruled().state("carl").epoch.tree, CARL_AT, (key,))
    return lambda leaf: replace(leaf, parent_hash=parent_hash)


def _with_node(path: UpdatePath, **changed: Any) -> UpdatePath:
    return replace(path, nodes=(replace(path.nodes[0], **changed), *path.nodes[1:]))


def _sealed(path: UpdatePath, change: Callable[[HPKECiphertext], HPKECiphertext]) -> UpdatePath:
    return _with_node(path, encrypted_path_secret=tuple(map(change, path.nodes[0].encrypted_path_secret)))


def cases() -> Iterator[Case]:
    """All of this file."""
    for family in (roles_cases, removal_cases, proposal_cases, package_cases, path_cases, data_cases):
        yield from family()
