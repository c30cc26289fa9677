"""What each decoder takes, as a small group of suite 1 says it: where fuzzers begin."""

from functools import cache

from clawchat.mls.codec import Reader, vector
from clawchat.mls.framing import AuthenticatedContent, ContentType, FramedContent, MLSMessage, Sender, WireFormat
from clawchat.mls.group import Group
from clawchat.mls.group_info import GroupInfo
from clawchat.mls.key_package import make_key_package
from clawchat.mls.member import Member
from clawchat.mls.nodes import Extension, LeafNodeSource, ParentNode, encode_node
from clawchat.mls.private_message import SenderData
from clawchat.mls.profile import Roles, Vouch
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
from clawchat.mls.public_message import PublicMessage
from clawchat.mls.rules import OpenRules
from clawchat.mls.secret_tree import RatchetKind, SecretTree
from clawchat.mls.suite import X25519_SUITE
from clawchat.mls.welcome import GroupSecrets
from clawchat.protocol.authenticated_data import (
    member_data,
    own_device_data,
    resync_data,
    revoked_data,
    voucher_data,
)
from clawchat.protocol.keys import DeviceKey
from tests.mls.members import NOW, dice, seed

RANDOM = dice("seeds")
PSKS = (
    PreSharedKeyID(PSKType.EXTERNAL, b"id", 0, b"", 0, b"nonce"),
    PreSharedKeyID(PSKType.RESUMPTION, b"", 1, b"room", 7, b"nonce"),
)


def member(name: str) -> Member:
    """A device of suite 1."""
    key = DeviceKey(seed("seeds", name))
    return Member(X25519_SUITE, name.encode(), bytes(key.public), key.sign)


@cache
def seeds() -> dict[str, list[bytes]]:
    """By decoder."""
    anna, rules, data = member("anna"), OpenRules(), member_data(bytes(16), bytes(range(16)))
    packages = [make_key_package(member(name), NOW, RANDOM) for name in ("bert", "carl")]
    group = Group.create(anna, bytes(16), extensions=(), random=RANDOM, now=NOW, rules=rules)
    adding = group.commit(add=tuple(each.package for each in packages), authenticated_data=data, random=RANDOM, now=NOW)
    group = group.adopt(adding.next)
    pending = group.commit(authenticated_data=data, random=RANDOM, now=NOW)
    joining = Group.join_externally(
        member("dora"), adding.group_info, authenticated_data=data, random=RANDOM, now=NOW, rules=rules
    )
    _, sent = group.seal(b"text", data, random=RANDOM)
    group_info = GroupInfo.read(Reader(MLSMessage.parse(adding.group_info).body))
    external = PublicMessage.parse(MLSMessage.parse(joining.commit).body).authenticated
    commit = external.content.content
    leaves = [each.leaf for each in joining.next.members]
    parents = [ParentNode(bytes(32), b"", ()), ParentNode(bytes(32), bytes(32), (0, 3))]
    proposals = [
        Add(packages[0].package),
        Update(anna.leaf(LeafNodeSource.UPDATE, bytes(32), group_id=bytes(16), leaf_index=0)),
        Remove(2),
        *map(PreSharedKey, PSKS),
        ReInit(b"room", 1, 2, (Extension(1, b"a"),)),
        ExternalInit(bytes(32)),
        GroupContextExtensions((Extension(3, bytes(3)),)),
    ]
    framed = [
        FramedContent(b"room", 5, Sender.member(1), data, content_type, content)
        for content_type, content in zip(ContentType, (b"text", Remove(1), commit), strict=True)
    ]
    authenticated = [
        AuthenticatedContent(wire_format, content, bytes(64), bytes(32) if content.content_type == 3 else None)
        for wire_format in (WireFormat.PUBLIC_MESSAGE, WireFormat.PRIVATE_MESSAGE)
        for content in framed
    ]
    package_message = MLSMessage(WireFormat.KEY_PACKAGE, packages[0].package.encode()).encode()
    member_commit = MLSMessage(WireFormat.PUBLIC_MESSAGE, PublicMessage(authenticated[2], bytes(32)).encode()).encode()
    secret_tree = SecretTree.make(X25519_SUITE, 4, bytes(32)).key(1, RatchetKind.APPLICATION, 3)[0]
    vouches = tuple(Vouch(seed("vouch", number), seed("user")[:16]) for number in range(2))
    return {
        "message": [
            *(adding.welcome or b"", adding.group_info, pending.commit, joining.commit, sent),
            *(package_message, member_commit),
        ],
        "credential": [leaves[0].credential.encode(), b"\0\2\5\1a\2bc"],
        "capabilities": [leaves[0].capabilities.encode()],
        "leaf": [leaf.encode() for leaf in leaves],
        "parent": [each.encode() for each in parents],
        "node": [b"\0", encode_node(leaves[0]), encode_node(parents[1])],
        "tree": [joining.next.tree.encode(), vector(encode_node(leaves[0]))],
        "context": [group.context.encode(), group_info.group_context.encode()],
        "secrets": [GroupSecrets(bytes(32), bytes(32), PSKS).encode(), GroupSecrets(bytes(32), None).encode()],
        "psk": [each.encode() for each in PSKS],
        "proposal": [each.encode() for each in proposals],
        "entry": [ProposalOrRef(proposals[2]).encode(), ProposalOrRef(None, bytes(32)).encode()],
        "path": [commit.path.encode()],
        "commit": [commit.encode(), b"\0\0"],
        "framed": [each.encode() for each in framed],
        "authenticated": [each.encode() for each in authenticated],
        "sender": [SenderData(1, 2, bytes(4)).encode()],
        "roles": [
            Roles(1, tuple(sorted((seed("a")[:16], seed("b")[:16]))), ()).encode(),
            Roles(0, (), tuple(sorted(vouches, key=lambda each: each.public))).encode(),
        ],
        "authenticated data": [
            member_data(bytes(16), bytes(16)),
            resync_data(bytes(16), bytes(16)),
            voucher_data(bytes(16), bytes(16), bytes(32), bytes(64)),
            own_device_data(bytes(16), bytes(16), bytes(64)),
            revoked_data(bytes(16), bytes(16), bytes(32), bytes(64)),
        ],
        "key package secrets": [packages[0].encode()],
        "secret tree": [secret_tree.encode()],
    }
