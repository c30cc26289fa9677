"""Entering a group: by a Welcome, or with the GroupInfo that an external commit is made from.

RFC 9420 12.4.3
"""

from clawchat.mls.applying import find_psk_secret
from clawchat.mls.codec import Reader
from clawchat.mls.epoch import GroupState, PublicEpoch, begin_epoch
from clawchat.mls.errors import Invalid
from clawchat.mls.framing import MLSMessage, WireFormat
from clawchat.mls.group_info import GroupInfo
from clawchat.mls.key_package import KeyPackageSecrets
from clawchat.mls.key_schedule import epoch_secret
from clawchat.mls.member import Member
from clawchat.mls.nodes import ExtensionType, LeafNode, find_extension
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.rules import Rules
from clawchat.mls.suite import CipherSuite
from clawchat.mls.transcript import interim_transcript_hash
from clawchat.mls.tree_kem import derive_keys
from clawchat.mls.tree_math import common_ancestor
from clawchat.mls.tree_validation import check_members, verify_tree
from clawchat.mls.welcome import Welcome
from clawchat.protocol.errors import Malformed


def join_by_welcome(
    member: Member, ours: KeyPackageSecrets, message: bytes, encoded_tree: bytes | None, rules: Rules
) -> GroupState:
    """The state of a member who was added; encoded_tree: when the Welcome itself has none.

    Raises: invalid; malformed; unauthentic.
    RFC 9420 12.4.3.1
    """
    suite, welcome = member.suite, parse_welcome(message)
    if not rules.allows_suite(welcome.cipher_suite):
        raise Invalid("suite")
    secrets = welcome.open_secrets(suite, ours)
    psk_secret = find_psk_secret(suite, secrets.psks, rules)
    group_info = welcome.open_group_info(suite, secrets.joiner_secret, psk_secret)
    context, tree = group_info.group_context, _check_group_info(suite, group_info, encoded_tree, rules)
    leaf_index = _find_leaf(tree, ours.package.leaf_node)
    if leaf_index == group_info.signer:
        raise Invalid("own-group-info")
    keys = {2 * leaf_index: ours.leaf_secret}
    if secrets.path_secret is not None:
        meeting = common_ancestor(2 * leaf_index, 2 * group_info.signer)
        path = [index for index, _ in tree.filtered_direct_path(group_info.signer)]
        learned, _ = derive_keys(tree, path[path.index(meeting) :], secrets.path_secret)
        keys.update(learned)
    secret = epoch_secret(suite, secrets.joiner_secret, psk_secret, context)
    return begin_epoch(context, tree, leaf_index, keys, secret, group_info.confirmation_tag)


def read_public_epoch(member: Member, message: bytes, rules: Rules) -> tuple[PublicEpoch, bytes]:
    """The epoch a GroupInfo tells of, and the key that an external commit to it is made to.

    Raises: invalid; malformed; unauthentic.
    RFC 9420 12.4.3.2
    """
    group_info = parse_group_info(message)
    context = group_info.group_context
    if not rules.allows_suite(context.cipher_suite):
        raise Invalid("suite")
    tree = _check_group_info(member.suite, group_info, None, rules)
    external_pub = group_info.external_pub()
    member.suite.check_public_key(external_pub)
    confirmed, tag = context.confirmed_transcript_hash, group_info.confirmation_tag
    return PublicEpoch(context, tree, interim_transcript_hash(member.suite, confirmed, tag)), external_pub


def tree_in(message: bytes) -> bytes | None:
    """The encoded tree that a GroupInfo carries, not judged.

    Raises: malformed.
    """
    return find_extension(parse_group_info(message).extensions, ExtensionType.RATCHET_TREE)


def parse_group_info(message: bytes) -> GroupInfo:
    """The GroupInfo in an MLSMessage, not judged.

    Raises: malformed.
    """
    envelope = MLSMessage.parse(message)
    if envelope.wire_format is not WireFormat.GROUP_INFO:
        raise Malformed("not a GroupInfo")
    return GroupInfo.parse(envelope.body)


def parse_welcome(message: bytes) -> Welcome:
    """The Welcome in an MLSMessage, not opened.

    Raises: malformed.
    """
    envelope = MLSMessage.parse(message)
    if envelope.wire_format is not WireFormat.WELCOME:
        raise Malformed("not a Welcome")
    reader = Reader(envelope.body)
    welcome = Welcome.read(reader)
    reader.end()
    return welcome


def _check_group_info(
    suite: CipherSuite, group_info: GroupInfo, encoded_tree: bytes | None, rules: Rules
) -> RatchetTree:
    context = group_info.group_context
    if context.cipher_suite != suite.number:
        raise Invalid("suite")
    tree = group_info.tree(suite, encoded_tree)
    verify_tree(tree, context.group_id)
    check_members(tree, context.extensions)
    rules.check_join(tree, context)
    return tree


def _find_leaf(tree: RatchetTree, leaf: LeafNode) -> int:
    found = next((member.index for member in tree.leaves() if member.leaf == leaf), None)
    if found is None:
        raise Invalid("not-in-tree")
    return found
