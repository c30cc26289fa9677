"""A member who says anything at all, rightly signed and encrypted: the others refuse with a PeerError, or take it.

Suite 1 and OpenRules, so that every proposal of RFC 9420 is read and judged.
"""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clawchat.mls.codec import Reader, vector
from clawchat.mls.framing import (
    AuthenticatedContent,
    ContentType,
    FramedContent,
    MLSMessage,
    Sender,
    WireFormat,
    encode_content,
    read_content,
)
from clawchat.mls.group import Group
from clawchat.mls.group_info import GroupInfo
from clawchat.mls.key_package import make_key_package
from clawchat.mls.private_message import PrivateMessage
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.rules import OpenRules
from clawchat.mls.suite import X25519_SUITE
from clawchat.protocol.errors import PeerError
from tests.mls.members import NOW, dice
from tests.mls.seeds import member, seeds
from tests.mls.test_fuzz import spoiled

RANDOM, RULES, DATA = dice("insider"), OpenRules(), b"data"
tries = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])


@cache
def world():
    """Anna, Bert and Carl are in; what Anna committed last, and how Dora came."""
    anna, bert, carl = (member(name) for name in ("anna", "bert", "carl"))
    packages = [make_key_package(each, NOW, RANDOM) for each in (bert, carl)]
    group = Group.create(anna, bytes(16), extensions=(), random=RANDOM, now=NOW, rules=RULES)
    added = tuple(each.package for each in packages)
    adding = group.commit(add=added, authenticated_data=DATA, random=RANDOM, now=NOW)
    annas = group.adopt(adding.next)
    berts = Group.join(bert, packages[0], adding.welcome, adding.group_info, rules=RULES)
    more = tuple(make_key_package(member(name), NOW, RANDOM).package for name in ("emil", "fina"))
    pending = annas.commit(add=more, remove=(2,), authenticated_data=DATA, random=RANDOM, now=NOW)
    entering = Group.join_externally(
        member("dora"), annas.group_info(), authenticated_data=DATA, random=RANDOM, now=NOW, rules=RULES
    )
    return annas, berts, pending.commit, entering.commit


def contents():
    """What Anna might say, in bytes: her commit, and each proposal."""
    _, berts, commit, _ = world()
    message = PrivateMessage.parse(MLSMessage.parse(commit).body)
    state = berts.state
    _, opened = message.unprotect(X25519_SUITE, state.secret_tree, state.epoch.schedule.sender_data_secret)
    commits = [opened.content.content.encode(), b"\0\0"]
    # A commit of these proposals alone, without a path.
    commits += [vector(b"\1" + each) + b"\0" for each in seeds()["proposal"]]
    return [(ContentType.COMMIT, each) for each in commits] + [
        (ContentType.PROPOSAL, each) for each in seeds()["proposal"]
    ]


def from_anna(content_type, content):
    """Signed and encrypted as hers; a commit has a tag of zeros."""
    annas = world()[0]
    framed = FramedContent(annas.group_id, annas.epoch, Sender.member(0), DATA, content_type, content)
    sign = member("anna").sign
    signed = AuthenticatedContent.sign(X25519_SUITE, sign, WireFormat.PRIVATE_MESSAGE, framed, annas.context)
    if content_type is ContentType.COMMIT:
        signed = signed.with_tag(bytes(32))
    state = annas.state
    _, message = PrivateMessage.protect(
        X25519_SUITE, signed, state.secret_tree, state.epoch.schedule.sender_data_secret, RANDOM
    )
    return MLSMessage(WireFormat.PRIVATE_MESSAGE, message.encode()).encode()


def judge(work):
    """The refusal's code, or `taken`; anything but a PeerError goes through."""
    try:
        work()
    except PeerError as error:
        return error.code
    return "taken"


@tries
@given(st.data())
def test_whatever_a_member_says(data):
    """Proposals and commits with anything changed inside; Bert's state stays as it is."""
    content_type, right = data.draw(st.sampled_from(contents()))
    berts = world()[1]
    before = berts.rows()
    try:
        reader = Reader(data.draw(spoiled(right)))
        content = read_content(reader, content_type)
        reader.end()
    except PeerError:
        return
    verdict = judge(lambda: berts.open(from_anna(content_type, content)))

    assert verdict in ("invalid", "malformed", "unauthentic", "taken")
    assert content_type is ContentType.PROPOSAL or verdict != "taken", "no commit has a tag of zeros"
    assert berts.rows() == before


@pytest.mark.parametrize(("content_type", "right"), contents())
def test_what_she_might_say_rightly(content_type, right):
    """The same without a change: every proposal waits or is refused, every commit fails at its tag at the latest."""
    content = read_content(Reader(right), content_type)
    assert encode_content(content) == right
    verdict = judge(lambda: world()[1].open(from_anna(content_type, content)))
    assert verdict in ("taken", "invalid") if content_type is ContentType.PROPOSAL else verdict != "taken"


def test_her_own_commit_fails_at_its_tag_alone():
    """Otherwise the fuzzer would stop at something before it."""
    content_type, right = contents()[0]
    assert judge(lambda: world()[1].open(from_anna(content_type, read_content(Reader(right), content_type)))) == (
        "unauthentic"
    )


@tries
@given(st.data())
def test_whatever_comes_by_external_commit(data):
    """Content with anything changed inside, signed by the newcomer whose leaf it carries."""
    _, berts, _, entering = world()
    authenticated = PublicMessage.parse(MLSMessage.parse(entering).body).authenticated
    try:
        reader = Reader(data.draw(spoiled(authenticated.content.content.encode())))
        content = replace(authenticated.content, content=read_content(reader, ContentType.COMMIT))
        reader.end()
    except PeerError:
        return
    sign = member("dora").sign
    signed = AuthenticatedContent.sign(X25519_SUITE, sign, WireFormat.PUBLIC_MESSAGE, content, berts.context)
    signed = signed.with_tag(authenticated.confirmation_tag)
    message = MLSMessage(WireFormat.PUBLIC_MESSAGE, PublicMessage(signed, None).encode()).encode()

    verdict = judge(lambda: berts.open(message))
    assert verdict in ("invalid", "malformed", "unauthentic", "taken")
    assert verdict != "taken" or content == authenticated.content


@tries
@given(st.data())
def test_whatever_a_group_info_says(data):
    """Anything changed inside, signed anew by its signer: who would join gets a refusal or a group."""
    annas = world()[0]
    body = MLSMessage.parse(annas.group_info()).body
    try:
        reader = Reader(data.draw(spoiled(body)))
        group_info = GroupInfo.read(reader)
        reader.end()
        encoded = group_info.sign(X25519_SUITE, member("anna").sign).encode()
    except PeerError:
        return
    message = MLSMessage(WireFormat.GROUP_INFO, encoded).encode()

    def join():
        Group.join_externally(member("dora"), message, authenticated_data=DATA, random=RANDOM, now=NOW, rules=RULES)

    assert judge(join) in ("invalid", "malformed", "unauthentic", "unsupported_version", "taken")
