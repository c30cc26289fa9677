"""Hostile messages and proposals, and bytes that only look like a message."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from clawchat.mls.codec import u16, u64
from clawchat.mls.framing import ContentType, FramedContent, MLSMessage, Sender, SenderType, WireFormat
from clawchat.mls.group import Group
from clawchat.mls.profile import Roles, member_data, own_device_data, room_extensions
from clawchat.mls.proposals import Add, GroupContextExtensions, Remove, Update
from tests.mls.hostile.edwards import NEUTRAL
from tests.mls.hostile.forge import Forgery, forge_commit, forge_commit_and_state, forge_message
from tests.mls.hostile.world import ANNA_AT, BERT_AT, CARL_AT, Case, package, ruled
from tests.mls.members import ANNA, BERT, CARL, NOW, Device, dice

SKIPPED = 12


def opened(name: str, message: bytes, expect: str, reason: str | None = None, state: str = "ruled") -> Case:
    """A message, judged by Bert."""
    return Case(name, "open", "bert", {"message": message}, expect, reason, state)


def cases() -> Iterator[Case]:
    """All of this file."""
    yield from bytes_cases()
    yield from content_cases()
    yield from proposal_cases()
    yield from ratchet_cases()
    yield from epoch_cases()
    yield from waiting_cases()
    yield from stale_key_cases()


def content(payload: Any = b"hello", **changed: Any) -> FramedContent:
    """What Carl says; the content's type follows from it."""
    kind = ContentType.APPLICATION if isinstance(payload, bytes) else ContentType.PROPOSAL
    group = ruled().groups["carl"]
    honest = FramedContent(group.group_id, group.epoch, Sender.member(CARL_AT), ruled().data(7), kind, payload)
    return replace(honest, **changed)


def said(name: str, expect: str, reason: str | None = None, what: FramedContent | None = None, **forged: Any) -> Case:
    """A message of Carl's."""
    public = forged.pop("public", False)
    forgery = Forgery(**forged)
    message = forge_message(CARL.member(), ruled().state("carl"), what or content(), forgery, public=public)
    return opened(name, message, expect, reason)


@cache
def honest() -> bytes:
    """An ordinary message of Carl's."""
    return ruled().groups["carl"].seal(b"hello", ruled().data(7), random=dice("honest"))[1]


def bytes_cases() -> Iterator[Case]:
    """An honest message, with some bytes changed on the way."""
    good = honest()
    group_at = 4
    yield opened("an honest message", good, "message")
    yield opened("no bytes", b"", "malformed")
    yield opened("a byte more", good + b"\0", "malformed")
    yield opened("a byte less", good[:-1], "malformed")
    yield opened("a length in two bytes that fits one", good[:4] + b"\x40\x10" + good[5:], "malformed")
    yield opened("a length in eight bytes", good[:4] + b"\xc0" + bytes(6) + b"\x10" + good[5:], "malformed")
    yield opened("a length of a gigabyte", good[:4] + b"\xbf\xff\xff\xff" + good[5:], "malformed")
    yield opened("MLS version 2", u16(2) + good[2:], "malformed")
    yield opened("a wire format nobody knows", u16(1) + u16(9) + good[4:], "malformed")
    yield opened("a Welcome as a message", u16(1) + u16(3) + good[4:], "malformed")
    yield opened("a GroupInfo as a message", ruled().groups["carl"].group_info(), "malformed")
    yield opened("a key package as a message", _key_package(), "malformed")
    yield opened("a message of another room", good[:5] + bytes(16) + good[21:], "invalid", "group")
    yield opened("a group id of fifteen bytes", good[:group_at] + b"\x0f" + good[6:], "invalid", "group")
    for name, number in (("content type 0", 0), ("content type 4", 4)):
        yield opened(name, good[:29] + bytes([number]) + good[30:], "malformed")
    yield opened("a message as a commit", good[:29] + b"\3" + good[30:], "unauthentic")
    yield opened("another message id", good[:62] + bytes([good[62] ^ 1]) + good[63:], "unauthentic")
    yield opened("another sender", good[:70] + bytes([good[70] ^ 1]) + good[71:], "unauthentic")
    yield opened("a damaged text", good[:-20] + bytes([good[-20] ^ 1]) + good[-19:], "unauthentic")
    epoch = ruled().groups["carl"].epoch
    for name, number in (("the epoch before", epoch - 1), ("an epoch to come", epoch + 1), ("2^53 - 1", 2**53 - 1)):
        yield opened(f"the epoch number: {name}", good[:21] + u64(number) + good[29:], "epoch_gone")
    yield opened("an epoch number beyond 2^53", good[:21] + b"\xff" * 8 + good[29:], "malformed")


def content_cases() -> Iterator[Case]:
    """Messages that Carl made wrong."""
    yield said("padding that is not zero", "malformed", plaintext=lambda plain: plain[:-1] + b"\1")
    yield said("no padding", "message", plaintext=lambda plain: plain[:72])
    yield said("padding without end", "message", plaintext=lambda plain: plain + bytes(4_000))
    yield said("a text in a long form", "malformed", plaintext=lambda plain: b"\x40\x05" + plain[1:-1])
    yield said("a content of one byte", "malformed", plaintext=lambda plain: b"\x3f")
    yield said("an empty content", "malformed", plaintext=lambda plain: b"")
    yield said("a signature of zeros", "unauthentic", signature=lambda made: bytes(64))
    yield said("a signature with r = 0 on a message", "unauthentic", signature=lambda made: NEUTRAL + made[32:])
    yield said("a short signature", "unauthentic", signature=lambda made: made[:-1])
    yield said("no signature", "unauthentic", signature=lambda made: b"")
    yield said("a message in another's name", "unauthentic", what=content(sender=Sender.member(ANNA_AT)))
    yield said("a message in the receiver's name", "invalid", "own-message", content(sender=Sender.member(BERT_AT)))
    yield said("a message of a leaf that is blank", "invalid", "leaf-blank", content(sender=Sender.member(3)))
    for number in (4, 2**32 - 1):
        yield said(
            f"a message of leaf {number}",
            "malformed",
            sender_data=lambda said, number=number: replace(said, leaf_index=number),
        )
    yield said("a message that anybody reads", "invalid", "public-message", public=True)
    room = ruled().room
    for name, data, reason in (
        ("no data", b"", "data-form"),
        ("the data of another room", member_data(bytes(16), room), "data-room"),
        ("a byte more of data", ruled().data(7) + b"\0", "data-form"),
        ("a joiner's data", own_device_data(room, bytes(16), bytes(64)), "data-form"),
    ):
        yield said(f"a message with {name}", "invalid", reason, content(authenticated_data=data))
        wish = content(Remove(CARL_AT), authenticated_data=data)
        yield said(f"a wish to leave with {name}", "invalid", reason, wish)
    newcomer = content(sender=Sender(SenderType.NEW_MEMBER_COMMIT))
    yield said("a message of a newcomer", "invalid", "public-message", newcomer, public=True)
    yield said(
        "a message of an external sender",
        "invalid",
        "public-message",
        content(sender=Sender(SenderType.EXTERNAL, 0)),
        public=True,
    )
    public = forge_commit(CARL.member(), ruled().state("carl"), Forgery(data=ruled().data(), public=True))
    yield opened("a member's commit that anybody reads", public, "invalid", "public-message")


def proposal_cases() -> Iterator[Case]:
    """Proposals that stand alone; a member may ask to be removed, and nothing else."""
    world = ruled()
    yield said("a wish to leave", "proposal", what=content(Remove(CARL_AT)))
    yield said("a proposal to remove another", "invalid", "role-remove", content(Remove(ANNA_AT)))
    yield said("a proposal to remove the receiver", "invalid", "role-remove", content(Remove(BERT_AT)))
    yield said("a proposed Add", "invalid", "proposal-type", content(Add(package("dora").package)))
    leaf = world.state("carl").epoch.own_leaf
    yield said("a proposed Update", "invalid", "proposal-type", content(Update(leaf)))
    roles = GroupContextExtensions(room_extensions(Roles(True, (CARL.user,))))
    yield said("a proposed change of roles", "invalid", "proposal-type", content(roles))
    yield said(
        "a newcomer's proposal of itself",
        "invalid",
        "public-message",
        content(Add(package("dora").package), sender=Sender(SenderType.NEW_MEMBER_PROPOSAL)),
        public=True,
    )
    yield said("a wish to leave that anybody reads", "invalid", "public-message", content(Remove(CARL_AT)), public=True)


@cache
def reading() -> Group:
    """Bert, after Carl's first message and the one that comes after twelve more."""
    bert = ruled().groups["bert"]
    for number in (0, SKIPPED + 1):
        bert = bert.open(numbered(number)).group
    return bert


@cache
def numbered(generation: int) -> bytes:
    """Carl's message of this generation."""
    forgery = Forgery(sender_data=lambda said: replace(said, generation=generation))
    return forge_message(CARL.member(), ruled().state("carl"), content(b"%d" % generation), forgery)


def ratchet_cases() -> Iterator[Case]:
    """Generations that were used, are no longer kept, or are too far ahead."""
    last = SKIPPED + 1
    for name, generation, expect in (
        ("the first again", 0, "key_used"),
        ("the last again", last, "key_used"),
        ("older than the ten that are kept", last - 11, "key_used"),
        ("the oldest that is kept", last - 10, "message"),
        ("the next", last + 1, "message"),
        ("a thousand ahead", last + 1 + 1000, "message"),
        ("a thousand and one ahead", last + 1 + 1001, "key_used"),
        ("the last of all", 2**32 - 1, "key_used"),
    ):
        yield opened(f"a generation: {name}", numbered(generation), expect, None, "reading")


@cache
def late() -> Group:
    """Bert in the next epoch, with what is left of this one."""
    return ruled().groups["bert"].open(_update()).group


@cache
def forgetful() -> Group:
    """Bert in the next epoch, a minute later."""
    return late().without_past()


@cache
def _update() -> bytes:
    made = ruled().groups["carl"].commit(authenticated_data=ruled().data(8), random=dice("update"), now=NOW)
    return made.commit


@cache
def waiting() -> Group:
    """Bert, after Carl said that he wants to leave."""
    return ruled().groups["bert"].open(_wish()).group


@cache
def _wish() -> bytes:
    return forge_message(CARL.member(), ruled().state("carl"), content(Remove(CARL_AT)), Forgery())


def waiting_cases() -> Iterator[Case]:
    """Commits that take a wish to leave, and more."""
    reference = next(iter(waiting().state.waiting))
    anna = replace(ruled().state("anna"), waiting=waiting().state.waiting)

    def case(name: str, expect: str, reason: str | None, by: Device = ANNA, **forged: Any) -> Case:
        state = anna if by is ANNA else ruled().state("carl")
        message = forge_commit(by.member(), state, Forgery(data=ruled().data(12), **forged))
        return opened(f"a wish to leave: {name}", message, expect, reason, "waiting")

    gone = {"removed": (CARL_AT,)}
    yield case("granted", "commit", None, references=(reference,), **gone)
    yield case("passed over", "commit", None)
    yield case("granted twice", "invalid", "proposal-twice", references=(reference, reference), **gone)
    yield case("granted and forced", "invalid", "leaf-twice", references=(reference,), proposals=(Remove(CARL_AT),))
    second = {"sender_data": lambda said: replace(said, generation=1)}
    yield case("granted by who has it", "invalid", "own-leaf", CARL, references=(reference,), **second)
    yield case("granted where it was not heard", "invalid", "proposal-unknown", references=(bytes(48),), **gone)
    late_answer = forge_commit(ANNA.member(), anna, Forgery(data=ruled().data(13), references=(reference,), **gone))
    yield opened("a wish to leave: granted to who did not hear it", late_answer, "invalid", "proposal-unknown")
    yield opened("a wish to leave: again", _wish(), "key_used", None, "waiting")


@cache
def _updated() -> tuple[Group, Any]:
    """Bert and Carl after an update of Carl's."""
    forgery = Forgery(data=ruled().data(14))
    message, after = forge_commit_and_state(CARL.member(), ruled().state("carl"), forgery)
    return ruled().groups["bert"].open(message).group.without_past(), after


def updated() -> Group:
    """Bert after an update of Carl's."""
    return _updated()[0]


def stale_key_cases() -> Iterator[Case]:
    """Paths that keep a key: who stole it would stay in the room."""
    after = _updated()[1]
    for name, expect, reason, forged in (
        ("a fresh path", "commit", None, {"names": ("fresh",)}),
        ("the root keeps its key", "invalid", "encryption-key-twice", {"leaf_names": ("fresh",)}),
        ("the whole path keeps its keys", "invalid", "encryption-key-twice", {}),
    ):
        message = forge_commit(CARL.member(), after, Forgery(data=ruled().data(15), **forged))
        yield opened(f"an update after an update: {name}", message, expect, reason, "updated")


def epoch_cases() -> Iterator[Case]:
    """What comes after its epoch."""
    wish = forge_message(CARL.member(), ruled().state("carl"), content(Remove(CARL_AT)), Forgery())
    yield opened("late: a message of the epoch before", honest(), "message", None, "late")
    yield opened("late: a damaged message", honest()[:-1] + bytes([honest()[-1] ^ 1]), "unauthentic", None, "late")
    yield opened("late: the commit that ended the epoch again", _update(), "epoch_gone", None, "late")
    other = forge_commit(CARL.member(), ruled().state("carl"), Forgery(data=ruled().data(9), names=("other",)))
    yield opened("late: another commit of the epoch before", other, "epoch_gone", None, "late")
    yield opened("late: a wish to leave of the epoch before", wish, "epoch_gone", None, "late")
    yield opened(
        "late: a message in another's name",
        forge_message(CARL.member(), ruled().state("carl"), content(sender=Sender.member(ANNA_AT)), Forgery()),
        "unauthentic",
        None,
        "late",
    )
    yield opened("too late: a message of the epoch before", honest(), "epoch_gone", None, "forgetful")
    clone = forge_commit(BERT.member(), ruled().state("bert"), Forgery(data=ruled().data(10), names=("clone",)))
    yield opened("a commit of the receiver's clone", clone, "invalid", "own-message")
    message = ruled().groups["anna"].seal(b"x", ruled().data(11), random=dice("anna"))[1]
    yield opened("a message of another member", message, "message")


def _key_package() -> bytes:
    return MLSMessage(WireFormat.KEY_PACKAGE, package("dora").package.encode()).encode()


STATES = {
    "reading": reading,
    "late": late,
    "forgetful": forgetful,
    "waiting": waiting,
    "updated": updated,
}
