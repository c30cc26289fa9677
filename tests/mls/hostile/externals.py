"""Hostile external commits: strangers, false proofs, and leaves that are not theirs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from clawchat.mls.group import Group
from clawchat.mls.key_schedule import send_external_init
from clawchat.mls.nodes import Extension, LeafNode
from clawchat.mls.profile import (
    Roles,
    join_message,
    member_data,
    own_device_data,
    room_extensions,
    vouched_message,
    voucher_data,
    voucher_extension,
)
from clawchat.mls.proposals import Add, ExternalInit, GroupContextExtensions, Proposal, ProposalOrRef, Remove
from clawchat.mls.suite import ROOM_SUITE
from clawchat.protocol.keys import DeviceKey, RootKey
from tests.mls.hostile.forge import Forgery, forge_commit, forge_external, keep
from tests.mls.hostile.world import (
    ABSENT_VOUCHER,
    ANNA_AT,
    BERT_AT,
    BERT_VOUCHER,
    CARL_AT,
    VOUCH,
    VOUCHER,
    Case,
    message_id,
    package,
    plain,
)
from tests.mls.members import ANNA, BERT, CARL, DORA, Device, key_pair, seed

CARL_2 = Device("carl", 2)


def case(name: str, expect: str, reason: str | None, by: Device, data: bytes, **forged: Any) -> Case:
    """A newcomer's commit to the plain room, judged by Bert."""
    init = forged.pop("init", True)
    member = forged.pop("member", by.member())
    forgery = Forgery(data=data, **forged)
    message = forge_external(member, plain().state("carl"), forgery, init=init)
    return Case(f"external: {name}", "open", "bert", {"message": message}, expect, reason, "plain")


def resync() -> bytes:
    """Form 1."""
    return member_data(plain().room, message_id(1))


def voucher(by: Device, *, key: DeviceKey = VOUCHER, room: bytes | None = None, listed: bytes = VOUCH) -> bytes:
    """Form 2 for this device."""
    proof = key.sign(vouched_message(room or plain().room, listed, by.signature_key))
    return voucher_data(plain().room, message_id(1), listed, proof)


def own_device(
    by: Device, *, epoch: int | None = None, root: RootKey | None = None, room: bytes | None = None
) -> bytes:
    """Form 3 for this device."""
    number = plain().groups["bert"].epoch if epoch is None else epoch
    signature = (root or by.root).sign(join_message(room or plain().room, number, by.signature_key))
    return own_device_data(plain().room, message_id(1), signature)


def cases() -> Iterator[Case]:
    """All of this file."""
    yield from resync_cases()
    yield from voucher_cases()
    yield from own_device_cases()
    yield from shape_cases()
    yield from after_cases()


def resync_cases() -> Iterator[Case]:
    """Who comes back takes the place of its own leaf, and of nobody else's."""
    yield case("a device comes back", "commit", None, CARL, resync(), proposals=(Remove(CARL_AT),))
    yield case("a stranger", "invalid", "resync", DORA, resync())
    yield case("a stranger in a member's place", "invalid", "resync", DORA, resync(), proposals=(Remove(ANNA_AT),))
    yield case("a stranger in the receiver's place", "invalid", "resync", DORA, resync(), proposals=(Remove(BERT_AT),))
    yield case("the receiver's own device elsewhere", "removed", None, BERT, resync(), proposals=(Remove(BERT_AT),))
    yield case("a second leaf of a member", "invalid", "signature-key-twice", CARL, resync())
    yield case("another device of the user", "invalid", "resync", CARL_2, resync(), proposals=(Remove(CARL_AT),))
    yield case(
        "a resync that takes a voucher along",
        "invalid",
        "resync",
        CARL,
        resync(),
        proposals=(Remove(CARL_AT),),
        leaf_extensions=(voucher_extension(VOUCH),),
    )
    agent = Device("carl", 1, 2).identity().encode()
    yield case(
        "a resync as an agent",
        "invalid",
        "resync",
        CARL,
        resync(),
        proposals=(Remove(CARL_AT),),
        member=CARL.member(agent),
    )
    yield case(
        "a resync with a certificate of its own making",
        "invalid",
        "certificate",
        CARL,
        resync(),
        proposals=(Remove(CARL_AT),),
        member=CARL.member(CARL.identity().encode()[:-1] + b"\0"),
    )


def voucher_cases() -> Iterator[Case]:
    """A voucher serves once, for whom it was signed."""
    carried = (voucher_extension(VOUCH),)
    another = DeviceKey(seed("another voucher"))
    key = bytes(another.public)

    def came(name: str, expect: str, reason: str | None, data: bytes, **forged: Any) -> Case:
        return case(name, expect, reason, DORA, data, **{"leaf_extensions": carried, **forged})

    yield came("a newcomer with a voucher", "commit", None, voucher(DORA))
    yield came(
        "a voucher nobody listed",
        "invalid",
        "voucher",
        voucher(DORA, key=another, listed=key),
        leaf_extensions=(voucher_extension(key),),
    )
    yield came("a voucher the leaf does not carry", "invalid", "voucher", voucher(DORA), leaf_extensions=())
    yield came(
        "a leaf that carries another voucher",
        "invalid",
        "voucher",
        voucher(DORA),
        leaf_extensions=(voucher_extension(key),),
    )
    yield came("a voucher signed for somebody else", "invalid", "voucher-proof", voucher(CARL_2))
    yield came("a voucher signed by another key", "invalid", "voucher-proof", voucher(DORA, key=another))
    yield came("a voucher signed for another room", "invalid", "voucher-proof", voucher(DORA, room=bytes(16)))
    for name, inviter in (("is not there", ABSENT_VOUCHER), ("may not add", BERT_VOUCHER)):
        public = bytes(inviter.public)
        data, carrying = voucher(DORA, key=inviter, listed=public), (voucher_extension(public),)
        yield came(f"an inviter who {name}", "invalid", "voucher-inviter", data, leaf_extensions=carrying)
    yield came("a voucher and a Remove", "invalid", "voucher", voucher(DORA), proposals=(Remove(ANNA_AT),))
    yield came("a voucher carried and not shown", "invalid", "resync", resync())
    yield came("a voucher carried and an own device claimed", "invalid", "own-device", own_device(DORA))


def own_device_cases() -> Iterator[Case]:
    """A user's root lets a device in, where the user is."""
    yield case("an own device", "commit", None, CARL_2, own_device(CARL_2))
    yield case(
        "an own device in another's place", "commit", None, CARL_2, own_device(CARL_2), proposals=(Remove(CARL_AT),)
    )
    yield case("an own device of a user who is not here", "invalid", "own-device", DORA, own_device(DORA))
    yield case(
        "an own device in a stranger's place",
        "invalid",
        "own-device",
        CARL_2,
        own_device(CARL_2),
        proposals=(Remove(ANNA_AT),),
    )
    yield case(
        "an own device with a voucher",
        "invalid",
        "own-device",
        CARL_2,
        own_device(CARL_2),
        leaf_extensions=(voucher_extension(VOUCH),),
    )
    epoch = plain().groups["bert"].epoch
    for name, data in (
        ("of an epoch before", own_device(CARL_2, epoch=epoch - 1)),
        ("of an epoch to come", own_device(CARL_2, epoch=epoch + 1)),
        ("by another root", own_device(CARL_2, root=BERT.root)),
        ("for another device", own_device(Device("carl", 3))),
        ("for another room", own_device(CARL_2, room=bytes(16))),
        ("of zeros", own_device_data(plain().room, message_id(1), bytes(64))),
    ):
        yield case(f"a join signature {name}", "invalid", "own-device-proof", CARL_2, data)


def shape_cases() -> Iterator[Case]:
    """What an external commit may not hold, whoever makes it."""

    def holding(name: str, expect: str, reason: str | None, *extra: Proposal, **forged: Any) -> Case:
        listed: Callable[[Any], Any] = lambda entries: (*entries, *map(ProposalOrRef, extra))  # noqa: E731
        return case(name, expect, reason, CARL_2, own_device(CARL_2), listed=listed, **forged)

    yield holding("two ExternalInits", "invalid", "external-init", ExternalInit(bytes(1120)))
    yield holding("no ExternalInit", "invalid", "external-init", init=False)
    yield holding("two Removes", "invalid", "external-remove", Remove(BERT_AT), proposals=(Remove(CARL_AT),))
    yield holding("an Add", "invalid", "external-proposal", Add(package("dora").package))
    roles = GroupContextExtensions(room_extensions(Roles(True, (CARL.user,))))
    yield holding("other roles", "invalid", "external-proposal", roles)
    yield case(
        "a Remove by reference",
        "invalid",
        "proposal-unknown",
        CARL,
        resync(),
        references=(bytes(48),),
        removed=(CARL_AT,),
    )
    yield case("no path", "invalid", "sender-type", CARL_2, own_device(CARL_2), path=lambda path: None)
    yield case("a Remove of nobody", "invalid", "leaf-blank", CARL, resync(), proposals=(Remove(3),))
    yield case("a leaf signed for another place", "unauthentic", None, CARL_2, own_device(CARL_2), leaf_index=0)
    yield case("a false signature of the leaf", "unauthentic", None, CARL_2, own_device(CARL_2), leaf=_unsigned)
    yield case("signed by somebody else", "unauthentic", None, CARL_2, own_device(CARL_2), signer=CARL.key.sign)
    yield case("a false confirmation tag", "unauthentic", None, CARL_2, own_device(CARL_2), tag=lambda tag: bytes(48))
    yield case(
        "a revocation's data",
        "invalid",
        "data-form",
        CARL,
        b"\4" + resync()[1:] + bytes(96),
        proposals=(Remove(CARL_AT),),
    )
    yield case(
        "another room's data",
        "invalid",
        "data-room",
        CARL,
        member_data(bytes(16), message_id(1)),
        proposals=(Remove(CARL_AT),),
    )
    honest, _ = send_external_init(ROOM_SUITE, key_pair("external").public)
    for name, expect, kem_output in (
        ("another init secret", "unauthentic", honest),
        ("a KEM output of zeros", "malformed", bytes(1120)),
        ("a KEM output of small order", "malformed", honest[:1088] + bytes(32)),
        ("a short KEM output", "malformed", bytes(1119)),
    ):
        listed = lambda entries, kem_output=kem_output: (ProposalOrRef(ExternalInit(kem_output)),)  # noqa: E731
        yield case(name, expect, None, CARL_2, own_device(CARL_2), listed=listed)


def _unsigned(leaf: LeafNode) -> LeafNode:
    return keep(replace(leaf, signature=bytes(63) + b"\1"))


DORA_AT = 3


@cache
def _came() -> dict[str, Group]:
    """The plain room, after Dora came by Anna's voucher, which is still listed."""
    forgery = Forgery(data=voucher(DORA), leaf_extensions=(voucher_extension(VOUCH),))
    message = forge_external(DORA.member(), plain().state("carl"), forgery)
    return {name: group.open(message).group.without_past() for name, group in plain().groups.items()}


def vouched() -> Group:
    """Bert, after Dora came."""
    return _came()["bert"]


def after_cases() -> Iterator[Case]:
    """A voucher that was used: it serves nobody else, and goes with its leaf."""
    carried = (voucher_extension(VOUCH),)
    dora_2, eve = Device("dora", 2), Device("eve")
    dropped = GroupContextExtensions(room_extensions(Roles(False, (ANNA.user,))))
    epoch = vouched().epoch

    def commits(name: str, expect: str, reason: str | None, *proposals: Proposal) -> Case:
        forgery = Forgery(data=resync(), proposals=proposals, names=(name,))
        return judged(name, forge_commit(ANNA.member(), _came()["anna"].state, forgery), expect, reason)

    def joins(
        name: str,
        expect: str,
        reason: str | None,
        by: Device,
        data: bytes,
        *proposals: Proposal,
        extensions: tuple[Extension, ...] = (),
    ) -> Case:
        forgery = Forgery(data=data, proposals=proposals, leaf_extensions=extensions, names=(name,))
        return judged(name, forge_external(by.member(), _came()["carl"].state, forgery), expect, reason)

    def judged(name: str, message: bytes, expect: str, reason: str | None) -> Case:
        return Case(f"a used voucher: {name}", "open", "bert", {"message": message}, expect, reason, "vouched")

    remove = Remove(DORA_AT)
    yield joins("somebody else comes by it", "invalid", "voucher-used", eve, voucher(eve), extensions=carried)
    yield commits("its leaf goes, its entry stays", "invalid", "voucher-listed", remove)
    yield commits("its leaf and its entry go", "commit", None, remove, dropped)
    yield joins("it comes back", "commit", None, DORA, resync(), remove, extensions=carried)
    yield joins("it comes back without", "invalid", "resync", DORA, resync(), remove)
    own = own_device(dora_2, epoch=epoch)
    yield joins("another device takes its place", "invalid", "voucher-listed", dora_2, own, remove)
    yield joins("another device comes beside it", "commit", None, dora_2, own)
