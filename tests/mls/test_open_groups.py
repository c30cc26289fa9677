"""What rooms refuse and other groups do: messages that are not encrypted, proposals of outsiders, pre-shared keys."""

from dataclasses import replace

import pytest

from clawchat.mls.applying import next_context
from clawchat.mls.codec import vector, vector_of
from clawchat.mls.commit import Commit
from clawchat.mls.epoch import begin_epoch
from clawchat.mls.errors import EpochGone, Invalid
from clawchat.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    MLSMessage,
    Sender,
    SenderType,
    WireFormat,
)
from clawchat.mls.group import Group
from clawchat.mls.key_package import make_key_package
from clawchat.mls.key_schedule import epoch_secret, joiner_secret
from clawchat.mls.nodes import Credential, CredentialType, Extension, ExtensionType
from clawchat.mls.proposal_list import ProposalList
from clawchat.mls.proposals import Add, GroupContextExtensions, PreSharedKey, ProposalOrRef, Remove
from clawchat.mls.psk import PreSharedKeyID, PSKType, psk_secret
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.rules import OpenRules
from clawchat.mls.suite import X25519_SUITE
from clawchat.mls.transcript import confirmed_transcript_hash
from clawchat.mls.tree_hash import root_hash
from clawchat.protocol.errors import Malformed, Unauthentic
from tests.mls.members import ANNA, BERT, CARL, DORA, NOW, Device, dice

GATE = Device("gatekeeper")
RANDOM = dice("open groups")
RULES = OpenRules()


def member(device):
    """The device in suite 1."""
    return replace(device.member(), suite=X25519_SUITE)


def package(device):
    """A key package of it."""
    return make_key_package(member(device), NOW, RANDOM)


@pytest.fixture(scope="module")
def groups():
    """Anna's, Bert's and Carl's group, with a gatekeeper outside who may propose."""
    credential = Credential(CredentialType.BASIC, b"gate").encode()
    senders = Extension(ExtensionType.EXTERNAL_SENDERS, vector_of([vector(GATE.signature_key) + credential]))
    arguments = {"random": RANDOM, "now": NOW, "rules": RULES}
    anna = Group.create(member(ANNA), b"open", extensions=(senders,), **arguments)
    secrets = [package(BERT), package(CARL)]
    add = tuple(each.package for each in secrets)
    pending = anna.commit(add=add, authenticated_data=b"", random=RANDOM, now=NOW)
    others = [
        Group.join(member(device), ours, pending.welcome, pending.group_info, rules=RULES)
        for device, ours in zip((BERT, CARL), secrets, strict=True)
    ]
    return [pending.group.adopt(pending.next), *others]


def public(group, device, sender, proposal, *, key=None, **changes):
    """A proposal that is signed but not encrypted."""
    content = FramedContent(group.group_id, group.epoch, sender, b"", ContentType.PROPOSAL, proposal)
    signed = AuthenticatedContent.sign(
        group.member.suite, device.key.sign, WireFormat.PUBLIC_MESSAGE, replace(content, **changes), group.context
    )
    membership_key = key or group.state.epoch.schedule.membership_key
    message = PublicMessage.protect(group.member.suite, signed, membership_key, group.context)
    return MLSMessage(WireFormat.PUBLIC_MESSAGE, message.encode()).encode()


def without_path(group, *proposals):
    """A commit without a path, as other libraries make them, and the epoch authenticator it leads to."""
    state, suite = group.state, group.member.suite
    commit = Commit(tuple(ProposalOrRef(each) for each in proposals), None)
    applied = ProposalList.of(commit, {}, group.leaf_index).apply(group.tree, group.context)
    content = group._frame(b"", ContentType.COMMIT, commit)
    signed = group._sign(content)
    interim = state.epoch.interim_transcript_hash
    context = replace(
        next_context(state.epoch, applied),
        tree_hash=root_hash(applied.tree),
        confirmed_transcript_hash=confirmed_transcript_hash(suite, interim, signed.confirmed_input()),
    )
    joiner = joiner_secret(suite, state.epoch.schedule.init_secret, bytes(suite.Nh), context)
    secret = epoch_secret(suite, joiner, psk_secret(suite, ()), context)
    following = begin_epoch(context, applied.tree, group.leaf_index, state.epoch.keys, secret, None)
    _, message = group._encrypt(signed.with_tag(following.epoch.confirmation_tag), RANDOM)
    return message, following.epoch.schedule.epoch_authenticator


def reason(group, message):
    """Why it is refused."""
    with pytest.raises(Invalid) as refused:
        group.open(message)
    return refused.value.reason


def test_proposal_of_an_external_sender_waits_and_is_committed(groups):
    """The gatekeeper has Carl removed; its sender is no leaf."""
    message = public(groups[0], GATE, Sender(SenderType.EXTERNAL, 0), Remove(2))
    anna, bert, carl = [group.open(message) for group in groups]
    assert (anna.kind, anna.sender, anna.leaf, anna.proposals[0].sender) == ("proposal", None, None, None)
    again = Group.load(anna.group.member, anna.group.rows(), rules=RULES)

    pending = again.commit(authenticated_data=b"", random=RANDOM, now=NOW)

    opened = bert.group.open(pending.commit)
    assert opened.group.epoch_authenticator == pending.next.epoch_authenticator
    assert [(each.sender, each.by_reference) for each in opened.proposals] == [(None, True)]
    assert carl.group.open(pending.commit).kind == "removed"


def test_outsiders_are_whom_the_group_names(groups):
    """Another place in its list, another key, a group without a list, a commit."""
    anna = groups[0]
    outside = Sender(SenderType.EXTERNAL, 0)

    assert reason(anna, public(anna, GATE, Sender(SenderType.EXTERNAL, 1), Remove(2))) == "sender-type"
    with pytest.raises(Unauthentic):
        anna.open(public(anna, DORA, outside, Remove(2)))
    context = replace(anna.context, extensions=())
    bare = replace(anna, state=replace(anna.state, epoch=replace(anna.state.epoch, context=context)))
    assert reason(bare, public(anna, GATE, outside, Remove(2))) == "sender-type"
    assert reason(anna, public(anna, GATE, Sender(SenderType.NEW_MEMBER_COMMIT), Remove(2))) == "sender-type"
    (senders,) = anna.context.extensions
    context = replace(anna.context, extensions=(replace(senders, extension_data=senders.extension_data + b"\0"),))
    longer = replace(anna, state=replace(anna.state, epoch=replace(anna.state.epoch, context=context)))
    with pytest.raises(Malformed):
        longer.open(public(anna, GATE, outside, Remove(2)))


def test_outsider_commits_nothing(groups):
    """Whom the group names may propose; with its own key and a tag beside it, a commit of its is none."""
    anna, suite = groups[0], X25519_SUITE
    commit = Commit((ProposalOrRef(Remove(2)),), None)
    outside = Sender(SenderType.EXTERNAL, 0)
    content = FramedContent(anna.group_id, anna.epoch, outside, b"", ContentType.COMMIT, commit)
    signed = AuthenticatedContent.sign(suite, GATE.key.sign, WireFormat.PUBLIC_MESSAGE, content, anna.context)
    message = PublicMessage.protect(suite, signed.with_tag(bytes(suite.Nh)), b"", anna.context)

    assert reason(anna, MLSMessage(WireFormat.PUBLIC_MESSAGE, message.encode()).encode()) == "sender-type"


def test_newcomer_may_propose_itself(groups):
    """With the key of its own key package, and nothing but itself."""
    anna, newcomer = groups[0], Sender(SenderType.NEW_MEMBER_PROPOSAL)
    proposal = Add(package(DORA).package)

    opened = anna.open(public(anna, DORA, newcomer, proposal))

    assert (opened.kind, opened.sender) == ("proposal", None)
    assert opened.leaf.signature_key == DORA.signature_key
    with pytest.raises(Unauthentic):
        anna.open(public(anna, CARL, newcomer, proposal))
    assert reason(anna, public(anna, DORA, newcomer, Remove(1))) == "sender-type"


def test_members_public_messages_prove_membership(groups):
    """By the tag, in this epoch, of this group."""
    anna, bert, _ = groups
    leaving = Remove(1)
    assert anna.open(public(bert, BERT, Sender.member(1), leaving)).sender == 1

    with pytest.raises(Unauthentic):
        anna.open(public(bert, BERT, Sender.member(1), leaving, key=bytes(X25519_SUITE.Nh)))
    with pytest.raises(Unauthentic):
        anna.open(public(bert, BERT, Sender.member(2), leaving))
    with pytest.raises(EpochGone):
        anna.open(public(bert, BERT, Sender.member(1), leaving, epoch=0))
    assert reason(anna, public(bert, BERT, Sender.member(1), leaving, group_id=b"other")) == "group"
    assert reason(anna, public(bert, BERT, Sender.member(3), leaving)) == "leaf-blank"
    assert reason(bert, public(bert, BERT, Sender.member(1), leaving)) == "own-message"


def test_commit_without_a_path_only_adds(groups):
    """RFC 9420 12.4: nobody goes, and nothing changes, without new keys."""
    anna, bert, _ = groups
    message, authenticator = without_path(anna, Add(package(DORA).package))
    opened = bert.open(message)
    assert opened.group.epoch_authenticator == authenticator
    assert [each.index for each in opened.added] == [3]

    for proposals in ((), (Remove(2),), (Add(package(DORA).package), Remove(2)), (GroupContextExtensions(()),)):
        assert reason(bert, without_path(anna, *proposals)[0]) == "no-path"


def test_commit_without_a_path_adds_nobody_twice(groups):
    """A member's signature key comes in once, path or not."""
    anna, bert, _ = groups

    assert reason(bert, without_path(anna, Add(package(CARL).package))[0]) == "signature-key-twice"


def test_unknown_pre_shared_key_is_not_guessed():
    """What the rules do not hold is refused by name."""
    identifier = PreSharedKeyID(PSKType.EXTERNAL, b"id", 0, b"", 0, bytes(32))

    with pytest.raises(Invalid) as refused:
        RULES.pre_shared_key(PreSharedKey(identifier).psk)
    assert refused.value.reason == "psk-unknown"
    assert OpenRules({identifier: b"key"}.get).pre_shared_key(identifier) == b"key"


def test_group_of_a_suite_that_the_rules_refuse_is_not_made_nor_entered(groups):
    """Before anything is opened."""

    class Nothing(OpenRules):
        def allows_suite(self, number):
            return False

    arguments = {"random": RANDOM, "now": NOW, "rules": Nothing()}
    ours = package(DORA)
    pending = groups[0].commit(add=(ours.package,), authenticated_data=b"", random=RANDOM, now=NOW)

    for enter in (
        lambda: Group.create(member(DORA), b"open", extensions=(), **arguments),
        lambda: Group.join(member(DORA), ours, pending.welcome, pending.group_info, rules=Nothing()),
        lambda: Group.join_externally(member(DORA), pending.group_info, authenticated_data=b"", **arguments),
    ):
        with pytest.raises(Invalid) as refused:
            enter()
        assert refused.value.reason == "suite"
    with pytest.raises(Invalid) as refused:
        Group.join_externally(
            DORA.member(), pending.group_info, authenticated_data=b"", random=RANDOM, now=NOW, rules=RULES
        )
    assert refused.value.reason == "suite"
