"""Hostile Welcomes, GroupInfos and key packages: what Dora is told of a group, by a member of it and by the server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from clawchat.mls.codec import Reader, u16, vector
from clawchat.mls.epoch import Epoch
from clawchat.mls.framing import MLSMessage, WireFormat
from clawchat.mls.group import Group
from clawchat.mls.group_info import GroupInfo, external_pub_extension
from clawchat.mls.key_package import make_key_package
from clawchat.mls.key_schedule import GroupContext, KeySchedule, epoch_secret
from clawchat.mls.member import Member
from clawchat.mls.nodes import Extension, ExtensionType, LeafNode, LeafNodeSource, ParentNode
from clawchat.mls.profile import Roles, member_data, room_extensions, voucher_extension
from clawchat.mls.psk import PreSharedKeyID, PSKType, psk_secret
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.rules import OpenRules
from clawchat.mls.tree_hash import root_hash
from clawchat.mls.welcome import GroupSecrets, Welcome, make_welcome
from clawchat.protocol.credential import sign_identity
from clawchat.protocol.keys import DevicePublic
from tests.mls.hostile.edwards import OddSigner
from tests.mls.hostile.forge import same
from tests.mls.hostile.packages import bad_packages
from tests.mls.hostile.repeating import REPEATING_SUITE
from tests.mls.hostile.world import ANNA_AT, BERT_AT, CARL_AT, VOUCH, Case, World, message_id, package, ruled
from tests.mls.members import ANNA, BERT, CARL, DORA, NOW, Device, dice, key_pair, seed

SUITE = REPEATING_SUITE
DORA_AT = 3
ROOT, ABOVE_BERT, ABOVE_DORA = 3, 1, 5


@dataclass(frozen=True)
class Lie:
    """What Carl, who adds Dora, says of the group. Each hook changes what its name says, before the next is made."""

    tree: Callable[[RatchetTree], RatchetTree] = same
    encoded_tree: Callable[[bytes], bytes] = same
    context: Callable[[GroupContext], GroupContext] = same
    tag: Callable[[bytes], bytes] = same
    external_pub: Callable[[bytes], bytes] = same
    extensions: Callable[[tuple[Extension, ...]], tuple[Extension, ...]] = same
    info: Callable[[GroupInfo], GroupInfo] = same
    signer: Device = CARL
    signed: Callable[[GroupInfo], GroupInfo] = same
    path_secret: Callable[[bytes], bytes | None] = same
    psks: tuple[PreSharedKeyID, ...] = ()


@cache
def added() -> tuple[World, Epoch, GroupSecrets]:
    """The room, the epoch that Dora is added into, and what she is told of it."""
    world = ruled()
    made = world.groups["carl"].commit(
        add=(package("dora").package,), authenticated_data=world.data(5), random=dice("add dora"), now=NOW
    )
    reader = Reader(MLSMessage.parse(made.welcome).body)
    return world, made.next.state.epoch, Welcome.read(reader).open_secrets(SUITE, package("dora"))


def told(lie: Lie) -> tuple[bytes, bytes]:
    """The Welcome and the GroupInfo, as MLSMessages."""
    _, epoch, secrets = added()
    tree = lie.tree(epoch.tree)
    context = lie.context(replace(epoch.context, tree_hash=root_hash(tree)))
    no_psk = psk_secret(SUITE, ())
    schedule, _ = KeySchedule.derive(SUITE, epoch_secret(SUITE, secrets.joiner_secret, no_psk, context))
    tag = lie.tag(schedule.confirmation_tag(context.confirmed_transcript_hash))

    def say(extensions: tuple[Extension, ...]) -> GroupInfo:
        info = lie.info(GroupInfo(context, lie.extensions(extensions), tag, CARL_AT))
        return lie.signed(info.sign(SUITE, lie.signer.key.sign))

    public = external_pub_extension(lie.external_pub(schedule.external_key_pair().public))
    carried = Extension(ExtensionType.RATCHET_TREE, lie.encoded_tree(tree.encode()))
    in_welcome = replace(lie, extensions=same)
    path_secret = lie.path_secret(secrets.path_secret or b"")
    sealed_info = in_welcome.signed(
        in_welcome.info(GroupInfo(context, (), tag, CARL_AT)).sign(SUITE, lie.signer.key.sign)
    )
    welcome = _welcome(sealed_info, secrets.joiner_secret, path_secret, lie.psks)
    return _message(WireFormat.WELCOME, welcome.encode()), _message(
        WireFormat.GROUP_INFO, say((public, carried)).encode()
    )


def _welcome(info: GroupInfo, joiner: bytes, path_secret: bytes | None, psks: tuple[PreSharedKeyID, ...]) -> Welcome:
    offered = [package("dora").package]
    honest = make_welcome(SUITE, offered, joiner, info, lambda place: path_secret, psk_secret(SUITE, ()))
    if not psks:
        return honest
    told_secrets = GroupSecrets(joiner, path_secret, psks).encode()
    kem_output, ciphertext = SUITE.encrypt_with_label(
        offered[0].init_key, "Welcome", honest.encrypted_group_info, told_secrets
    )
    entry = honest.secrets[0]
    sealed = replace(entry.encrypted_group_secrets, kem_output=kem_output, ciphertext=ciphertext)
    return replace(honest, secrets=(replace(entry, encrypted_group_secrets=sealed),))


def _message(wire_format: WireFormat, body: bytes) -> bytes:
    return MLSMessage(wire_format, body).encode()


def cases() -> Iterator[Case]:
    """All of this file."""
    yield Case("an honest Welcome", "join", "dora", _parts(*told(Lie())), "joined")
    for name, (lie, expect, reason) in {**tree_lies(), **context_lies(), **info_lies()}.items():
        welcome, group_info = told(lie)
        yield Case(f"a Welcome: {name}", "join", "dora", _parts(welcome, group_info), expect, reason)
    yield from welcome_cases()
    yield from external_cases()
    yield from key_package_cases()


def _parts(welcome: bytes, group_info: bytes | None) -> dict[str, bytes]:
    package_bytes = {"package": package("dora").encode()}
    return {"welcome": welcome, **({"group_info": group_info} if group_info is not None else {}), **package_bytes}


def _leaf(device: Device, **changed: Any) -> LeafNode:
    """A leaf of a key package, of somebody who is planted into the tree."""
    good = package("dora").package.leaf_node
    identity = changed.pop("identity", None)
    public = changed.pop("encryption_key", key_pair(device.person, device.number, "planted").public)
    made = device.member(identity).leaf(
        LeafNodeSource.KEY_PACKAGE, public, lifetime=good.lifetime, extensions=changed.pop("extensions", ())
    )
    if not changed:
        return made
    signature = changed.pop("signature", None)
    made = replace(made, **changed).sign(SUITE, device.key.sign, b"", 0)
    return replace(made, signature=signature) if signature else made


def _planted(leaf: LeafNode) -> Callable[[RatchetTree], RatchetTree]:
    return lambda tree: tree.add(leaf)[0]


def _node(index: int, **changed: Any) -> Callable[[RatchetTree], RatchetTree]:
    return lambda tree: tree.changed({index: replace(tree.node(index), **changed)})


def _swapped(one: int, other: int) -> Callable[[RatchetTree], RatchetTree]:
    return lambda tree: tree.changed({one: tree.node(other), other: tree.node(one)})


def tree_lies() -> dict[str, tuple[Lie, str, str | None]]:
    """Trees that no group came to: the hash is right, the content is not."""
    ghost = key_pair("ghost").public
    eve = Device("eve")
    identity = eve.identity().encode()
    self_made = identity[:34] + bytes(Device("mallory").root.public) + identity[66:]
    bert_key = added()[1].tree.member(BERT_AT).encryption_key
    descending = (b"\x08" + b"\0\0\0\1" + b"\0\0\0\0", b"\x08" + b"\0\0\0\0" + b"\0\0\0\1")

    def tree(change: Callable[[RatchetTree], RatchetTree]) -> Lie:
        return Lie(tree=change)

    def raw(change: Callable[[bytes], bytes]) -> Lie:
        return Lie(encoded_tree=change)

    return {
        "a ghost in the root": (tree(_node(ROOT, encryption_key=ghost)), "invalid", "parent-hash"),
        "a ghost above Bert": (tree(_node(ABOVE_BERT, encryption_key=ghost)), "invalid", "parent-hash"),
        "a ghost above the joiner": (tree(_node(ABOVE_DORA, encryption_key=ghost)), "invalid", "parent-hash"),
        "a ghost with the parent hash of the root": (
            tree(lambda made: made.changed({ROOT: replace(made.node(ABOVE_BERT), encryption_key=ghost)})),
            "invalid",
            "parent-hash",
        ),
        "another parent hash in a parent": (tree(_node(ABOVE_BERT, parent_hash=bytes(48))), "invalid", "parent-hash"),
        "a parent left out": (tree(lambda made: made.changed({ABOVE_BERT: None})), "invalid", "parent-hash"),
        "no root": (tree(lambda made: made.changed({ROOT: None})), "invalid", "path-key"),
        "two parents that change places": (tree(_swapped(ABOVE_BERT, ABOVE_DORA)), "invalid", "parent-hash"),
        "two leaves that change places": (tree(_swapped(0, 2)), "unauthentic", None),
        "a leaf of a commit in another place": (
            tree(lambda made: made.changed({0: made.node(2), 2: None})),
            "unauthentic",
            None,
        ),
        "a member left out": (tree(lambda made: made.changed({0: None})), "invalid", "parent-hash"),
        "a member left out with all above": (tree(lambda made: made.remove(ANNA_AT)), "invalid", "path-key"),
        "the joiner left out": (tree(lambda made: made.changed({6: None})), "malformed", None),
        "the joiner at another place": (tree(_swapped(0, 6)), "unauthentic", None),
        "a wider tree of the same leaves": (
            tree(lambda made: made.with_place()[0].with_place()[0]),
            "invalid",
            "tree-hash",
        ),
        "the joiner unmerged at the root": (tree(_node(ROOT, unmerged_leaves=(3,))), "invalid", "unmerged-leaves"),
        "a member unmerged who is not below": (
            tree(_node(ABOVE_BERT, unmerged_leaves=(CARL_AT,))),
            "invalid",
            "unmerged-leaves",
        ),
        "a member unmerged who is": (tree(_node(ABOVE_BERT, unmerged_leaves=(ANNA_AT,))), "invalid", "parent-hash"),
        "nobody unmerged": (tree(_node(ABOVE_BERT, unmerged_leaves=(7,))), "invalid", "unmerged-leaves"),
        "unmerged leaves beyond the tree": (
            tree(_node(ABOVE_BERT, unmerged_leaves=(2**32 - 1,))),
            "invalid",
            "unmerged-leaves",
        ),
        "unmerged leaves that descend": (
            Lie(
                tree=_node(ABOVE_BERT, unmerged_leaves=(0, 1)),
                encoded_tree=lambda made: made.replace(descending[1], descending[0]),
            ),
            "malformed",
            None,
        ),
        "a stranger": (tree(_planted(_leaf(eve, identity=self_made))), "invalid", "certificate"),
        "a stranger with a member's identity": (
            tree(_planted(_leaf(eve, identity=BERT.identity().encode()))),
            "invalid",
            "certificate",
        ),
        "a member twice": (tree(_planted(_leaf(ANNA))), "invalid", "signature-key-twice"),
        "a member's key in another leaf": (
            tree(_planted(_leaf(eve, encryption_key=bert_key))),
            "invalid",
            "encryption-key-twice",
        ),
        "a parent's key in a leaf": (
            tree(lambda made: made.add(_leaf(eve, encryption_key=made.node(ROOT).encryption_key))[0]),
            "invalid",
            "encryption-key-twice",
        ),
        "a leaf with a bad key": (
            tree(_planted(_leaf(eve, encryption_key=b"\xff" * 1184 + ghost[1184:]))),
            "malformed",
            None,
        ),
        "a leaf with other capabilities": (
            tree(
                _planted(
                    _leaf(eve, capabilities=replace(package("dora").package.leaf_node.capabilities, versions=(1, 2)))
                )
            ),
            "invalid",
            "capabilities",
        ),
        "a leaf with a short voucher": (
            tree(_planted(_leaf(eve, extensions=(Extension(0xF0C2, bytes(31)),)))),
            "invalid",
            "leaf-extensions",
        ),
        "a leaf more than the path knows of": (
            tree(_planted(_leaf(eve, extensions=(voucher_extension(VOUCH),)))),
            "invalid",
            "path-key",
        ),
        "a leaf nobody signed": (tree(_planted(_leaf(eve, signature=bytes(64)))), "unauthentic", None),
        "another tree than the context's": (
            raw(lambda made: _node(ROOT, encryption_key=ghost)(RatchetTree.parse(SUITE, made)).encode()),
            "invalid",
            "tree-hash",
        ),
        "an empty tree": (raw(lambda made: b"\0"), "malformed", None),
        "no bytes for a tree": (raw(lambda made: b""), "malformed", None),
        "a tree that ends in a blank node": (raw(lambda made: _appended(made, b"\0")), "malformed", None),
        "a leaf where a parent belongs": (raw(lambda made: _appended(made, _entry(_leaf(eve)))), "malformed", None),
        "a parent where a leaf belongs": (
            raw(lambda made: _appended(made, b"\0" + _entry(ParentNode(ghost, b"", ())))),
            "malformed",
            None,
        ),
        "a node of a third type": (raw(lambda made: _appended(made, b"\0\1\3")), "malformed", None),
        "a node neither there nor not": (raw(lambda made: _appended(made, b"\2")), "malformed", None),
        "a tree with a byte more": (raw(lambda made: made + b"\0"), "malformed", None),
        "a tree as wide as a city": (
            raw(lambda made: _appended(made, bytes(9_001) + _entry(_leaf(eve)))),
            "malformed",
            None,
        ),
    }


def _entry(node: LeafNode | ParentNode) -> bytes:
    return bytes([1, 1 if isinstance(node, LeafNode) else 2]) + node.encode()


def _appended(encoded: bytes, more: bytes) -> bytes:
    return vector(Reader(encoded).vector() + more)


def context_lies() -> dict[str, tuple[Lie, str, str | None]]:
    """Groups that are no rooms."""
    roles = ruled().roles

    def context(**changed: Any) -> Lie:
        return Lie(context=lambda made: replace(made, **changed))

    def extensions(*listed: Extension) -> Lie:
        return context(extensions=listed)

    required, held = room_extensions(roles)
    return {
        "a context of suite 1": (context(cipher_suite=1), "invalid", "suite"),
        "a context of an unknown suite": (context(cipher_suite=0xFFFF), "invalid", "suite"),
        "the last epoch there is": (context(epoch=2**53 - 1), "invalid", "epoch"),
        "another room": (context(group_id=bytes(16)), "unauthentic", None),
        "another tree hash": (context(tree_hash=bytes(48)), "invalid", "tree-hash"),
        "no extensions": (extensions(), "invalid", "context-extensions"),
        "no roles": (extensions(required), "invalid", "context-extensions"),
        "no required capabilities": (extensions(held), "invalid", "context-extensions"),
        "extensions in another order": (extensions(held, required), "invalid", "context-extensions"),
        "roles twice": (extensions(required, held, held), "malformed", None),
        "an external sender": (
            extensions(required, held, Extension(5, vector(b""))),
            "invalid",
            "context-extensions",
        ),
        "an extension nobody can": (extensions(required, held, Extension(0xFF00, b"")), "invalid", "capabilities"),
        "required capabilities that are none": (extensions(Extension(3, b"\1"), held), "malformed", None),
        "roles of version 2": (
            extensions(required, Extension(0xF0C1, b"\2" + roles.encode()[1:])),
            "invalid",
            "roles",
        ),
        "administrators out of order": (
            extensions(required, Extension(0xF0C1, _descending(roles))),
            "invalid",
            "roles",
        ),
    }


def _descending(roles: Roles) -> bytes:
    encoded = roles.encode()
    return encoded[:4] + encoded[20:36] + encoded[4:20] + encoded[36:]


def info_lies() -> dict[str, tuple[Lie, str, str | None]]:
    """GroupInfos that are not what a member signed, and secrets that do not fit."""
    identifier = PreSharedKeyID(PSKType.EXTERNAL, b"psk", 0, b"", 0, bytes(48))

    def signer(index: int, device: Device = CARL) -> Lie:
        return Lie(info=lambda made: replace(made, signer=index), signer=device)

    return {
        "signed by somebody else": (Lie(signer=Device("eve")), "unauthentic", None),
        "signed in another's name": (signer(ANNA_AT), "unauthentic", None),
        "signed by nobody": (signer(4), "invalid", "leaf-blank"),
        "signed by somebody beyond the tree": (signer(2**32 - 1), "invalid", "leaf-blank"),
        "signed by the joiner": (signer(DORA_AT, DORA), "invalid", "own-group-info"),
        "a signature of zeros": (Lie(signed=lambda made: replace(made, signature=bytes(64))), "unauthentic", None),
        "a false confirmation tag": (Lie(tag=lambda made: bytes(48)), "unauthentic", None),
        "another path secret": (Lie(path_secret=lambda made: bytes(48)), "invalid", "path-key"),
        "a short path secret": (Lie(path_secret=lambda made: made[:-1]), "invalid", "path-secret"),
        "a pre-shared key": (Lie(psks=(identifier,)), "invalid", "psk-unknown"),
        "a GroupInfo without a tree": (Lie(extensions=lambda made: made[:1]), "invalid", "no-tree"),
        "a GroupInfo with two trees": (Lie(extensions=lambda made: (*made, made[1])), "malformed", None),
    }


def welcome_cases() -> Iterator[Case]:
    """An honest Welcome, changed on the way, or shown to somebody else."""
    welcome, group_info = told(Lie())
    body = Welcome.read(Reader(welcome[4:]))
    entry = body.secrets[0]

    def case(name: str, expect: str, reason: str | None, changed: bytes, info: bytes | None = group_info) -> Case:
        return Case(f"a Welcome: {name}", "join", "dora", _parts(changed, info), expect, reason)

    def of(name: str, expect: str, reason: str | None, **changed: Any) -> Case:
        return case(name, expect, reason, _message(WireFormat.WELCOME, replace(body, **changed).encode()))

    def sealed(name: str, expect: str, **changed: Any) -> Case:
        seal = replace(entry.encrypted_group_secrets, **changed)
        return of(name, expect, None, secrets=(replace(entry, encrypted_group_secrets=seal),))

    secrets = entry.encrypted_group_secrets
    yield case("a byte more", "malformed", None, welcome + b"\0")
    yield case("a byte less", "malformed", None, welcome[:-1])
    yield case("a GroupInfo in its place", "malformed", None, group_info)
    yield case("a Welcome in place of the GroupInfo", "malformed", None, welcome, welcome)
    yield case("no GroupInfo", "invalid", "no-tree", welcome, None)
    older = ruled().groups["bert"].group_info()
    yield case("the GroupInfo of an epoch before", "invalid", "tree-hash", welcome, older)
    yield of("suite 1", "invalid", "suite", cipher_suite=1)
    yield of("for nobody", "invalid", "not-for-us", secrets=())
    yield of("for somebody else", "invalid", "not-for-us", secrets=(replace(entry, new_member=bytes(48)),))
    yield of(
        "a damaged GroupInfo",
        "unauthentic",
        None,
        encrypted_group_info=body.encrypted_group_info[:-1] + bytes([body.encrypted_group_info[-1] ^ 1]),
    )
    yield sealed("damaged secrets", "unauthentic", ciphertext=bytes(len(secrets.ciphertext)))
    yield sealed("a short KEM output", "malformed", kem_output=secrets.kem_output[:-1])
    yield sealed("a KEM output of small order", "unauthentic", kem_output=secrets.kem_output[:1088] + bytes(32))
    small = Group.create(CARL.member(), bytes(15), extensions=room_extensions(ruled().roles), **_open("small"))
    made = small.commit(add=(package("dora").package,), authenticated_data=b"", random=dice("smaller"), now=NOW)
    yield case("into a room with an id of fifteen bytes", "invalid", "group-id", made.welcome, made.group_info)
    other = package("dora", 2)
    parts = {"welcome": welcome, "group_info": group_info, "package": other.encode()}
    yield Case("a Welcome for another key package", "join", "dora", parts, "invalid", "not-for-us")


def _open(name: str) -> dict[str, Any]:
    """What makes a group that is no room of ours."""
    return {"random": dice(name), "now": NOW, "rules": OpenRules()}


def external_cases() -> Iterator[Case]:
    """GroupInfos that a newcomer is to make an external commit from."""

    def case(name: str, expect: str, reason: str | None, group_info: bytes, data: bytes | None = None) -> Case:
        parts = {"group_info": group_info, "data": data or member_data(ruled().room, message_id(1))}
        return Case(f"a GroupInfo: {name}", "join_externally", "dora", parts, expect, reason)

    lies = {**tree_lies(), **context_lies(), **info_lies()}
    for name in (
        "a ghost in the root",
        "two leaves that change places",
        "the joiner unmerged at the root",
        "a stranger",
        "a tree as wide as a city",
        "a context of suite 1",
        "another tree hash",
        "an external sender",
        "signed by somebody else",
        "a GroupInfo without a tree",
    ):
        lie, expect, reason = lies[name]
        yield case(name, expect, reason, told(lie)[1])
    good = ruled().groups["carl"].group_info()
    yield case("a byte more", "malformed", None, good + b"\0")
    yield case("a key package in its place", "malformed", None, u16(1) + u16(5) + package("dora").package.encode())
    yield case("a joiner without a right", "invalid", "resync", good)
    zeros = told(Lie(external_pub=lambda made: made[:1184] + bytes(32)))[1]
    yield case("an external key of small order", "malformed", None, zeros)
    yield case("a short external key", "malformed", None, told(Lie(external_pub=lambda made: made[:-1]))[1])
    yield case("no external key", "invalid", "no-external-pub", told(Lie(extensions=lambda made: made[1:]))[1])


def odd_package(*, odd_key: bool, odd_r: bool, fits: bool) -> bytes:
    """A certified device's key package, with points that have a part of order 8."""
    signer = OddSigner(seed("odd"), odd_key=odd_key, odd_r=odd_r, fits=fits)
    public = DevicePublic(signer.public)
    identity = sign_identity(DORA.root, public, DORA.kind, NOW, NOW + 1).encode()
    return make_key_package(Member(SUITE, identity, signer.public, signer.sign), NOW, dice("odd")).package.encode()


def key_package_cases() -> Iterator[Case]:
    """Key packages, as somebody who is about to add Dora judges them."""
    good = package("dora").package.encode()
    yield Case("an honest key package", "package", "bert", {"package": good}, "good")
    yield Case("a key package with a byte more", "package", "bert", {"package": good + b"\0"}, "malformed")
    for name, (made, expect, reason) in bad_packages().items():
        if reason == "encryption-key-twice":
            continue
        # By itself it is judged by the room's rules alone, which may name another reason.
        why = "leaf-extensions" if name == "an extension nobody knows" else reason
        yield Case(f"a key package: {name}", "package", "bert", {"package": made.encode()}, expect, why)
    # By comparing encodings and without the cofactor, as libsodium does.
    for name, expect, odd in (
        ("a signature key of mixed order, and signatures that fit it", "good", (True, False, True)),
        ("a signature key of mixed order", "unauthentic", (True, False, False)),
        ("an R of mixed order", "unauthentic", (False, True, True)),
        ("a key and an R of mixed order", "unauthentic", (True, True, False)),
        ("a key and an R of mixed order that cancel out", "good", (True, True, True)),
        ("our own arithmetic, and nothing odd", "good", (False, False, True)),
    ):
        odd_key, odd_r, fits = odd
        made = odd_package(odd_key=odd_key, odd_r=odd_r, fits=fits)
        yield Case(f"a key package: {name}", "package", "bert", {"package": made}, expect)
