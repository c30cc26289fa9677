"""What makes a commit, a group or a key package of a room invalid, the same for every member.

Everything here follows from the group's state before the commit and the commit itself. Dates, pins, revocations and
whatever a server said are trust, and are never asked here: members who judge a commit differently fork the room.
Spec: 4.4, 4.9, 4.10
"""

from clawchat.mls.errors import Invalid
from clawchat.mls.framing import ContentType, FramedContent, SenderType
from clawchat.mls.key_package import KeyPackage
from clawchat.mls.key_schedule import GroupContext
from clawchat.mls.nodes import CredentialType, Extension, ExtensionType, LeafNode
from clawchat.mls.profile import (
    REQUIRED_CAPABILITIES,
    ROLES_EXTENSION,
    ROOM_CAPABILITIES,
    ROOM_ID_BYTES,
    VOUCHER_BYTES,
    VOUCHER_EXTENSION,
    AuthenticatedData,
    DataForm,
    Roles,
)
from clawchat.mls.proposals import Add, ExternalInit, GroupContextExtensions, Remove
from clawchat.mls.psk import PreSharedKeyID
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.rules import Judged, Proposed
from clawchat.mls.suite import ROOM_SUITE
from clawchat.mls.tree_validation import check_keys_distinct
from clawchat.protocol.credential import IDENTITY_BYTES, LeafIdentity
from clawchat.protocol.errors import Malformed, Unauthentic, UnsupportedVersion
from clawchat.protocol.keys import DevicePublic
from clawchat.protocol.limits import INTEGER_MAX

# Within the identity's bytes (credential.py).
_USER_ID = slice(1, 17)
_OWNER = slice(0, 66)


class RoomRules:
    """The rules of a room, as a group asks them.

    Spec: 4.10
    """

    def allows_suite(self, number: int) -> bool:
        """The room's one."""
        return number == ROOM_SUITE.number

    def check_commit(self, judged: Judged) -> None:
        """Nothing, when the commit may be adopted.

        Raises: invalid; malformed (a public key).
        """
        check_commit(judged)

    def check_join(self, tree: RatchetTree, context: GroupContext) -> None:
        """Nothing, when a room in this state may be entered.

        Raises: invalid; malformed (a public key).
        """
        check_tree(tree, context)

    def check_key_package(self, package: KeyPackage) -> None:
        """Nothing, when its device may be added, as far as its own bytes tell.

        Raises: invalid; malformed (a public key).
        """
        check_key_package(package)

    def check_proposal(self, proposed: Proposed) -> None:
        """Nothing, when a proposal may wait for a commit: its sender asks to be removed.

        Raises: invalid (proposal-type, role-remove).
        """
        _check_reference(proposed)

    def check_message(self, content: FramedContent) -> None:
        """Nothing, when a message or a proposal has the data of a member's, of this room.

        Raises: invalid (data-form, data-room).
        """
        if _authenticated_data(content.authenticated_data, content.group_id).form != DataForm.MEMBER:
            raise Invalid("data-form")

    def allows_public_message(self, content: FramedContent) -> bool:
        """A newcomer's commit, which cannot be encrypted."""
        by_newcomer = content.sender.sender_type is SenderType.NEW_MEMBER_COMMIT
        return by_newcomer and content.content_type is ContentType.COMMIT

    def pre_shared_key(self, identifier: PreSharedKeyID) -> bytes:
        """Rooms have none.

        Raises: invalid (psk-unknown).
        """
        raise Invalid("psk-unknown")


def check_tree(tree: RatchetTree, context: GroupContext, before: RatchetTree | None = None) -> None:
    """Nothing, when a room may have this tree and this context.

    before: a tree whose leaves and keys were judged already; what stayed as it was is not judged again.
    Raises: invalid; malformed (a public key).
    Spec: 4.10
    """
    _check_context(context)
    # The device id is a hash of the signature key (protocol.md 3.13), so no device is here twice either.
    check_keys_distinct(tree)
    known = {node.encryption_key for node in before.nodes if node} if before else set()
    for node in tree.nodes:
        if node and node.encryption_key not in known:
            ROOM_SUITE.check_public_key(node.encryption_key)
    for member in tree.leaves():
        if before is None or before.leaf(member.index) != member.leaf:
            _check_leaf(member.leaf)


def check_key_package(package: KeyPackage) -> None:
    """Nothing, when a key package is of a room's kind; its signatures and its dates are judged elsewhere.

    Raises: invalid; malformed (a public key).
    """
    if package.cipher_suite != ROOM_SUITE.number:
        raise Invalid("suite")
    if package.extensions:
        raise Invalid("package-extensions")
    ROOM_SUITE.check_public_key(package.init_key)
    ROOM_SUITE.check_public_key(package.leaf_node.encryption_key)
    _check_leaf(package.leaf_node)
    if package.leaf_node.extensions:
        raise Invalid("leaf-extensions", "only who comes by a voucher carries one")


def check_commit(judged: Judged) -> None:
    """The validity function: nothing, when every member adopts this commit.

    A device that the commit removes has no new tree to judge; it judges committer, proposals, roles and path leaf.
    Raises: invalid; malformed (a public key).
    Spec: 4.10
    """
    if judged.leaf is None:
        raise Invalid("no-path")
    data = _authenticated_data(judged.authenticated_data, judged.old_context.group_id)
    _check_leaf(judged.leaf)
    ROOM_SUITE.check_public_key(judged.leaf.encryption_key)
    if judged.committer is None:
        _check_external(judged, judged.leaf, data)
    else:
        _check_member(judged, judged.old_tree.member(judged.committer), judged.leaf, data)
    if judged.new_tree is not None and judged.new_context is not None:
        check_tree(judged.new_tree, judged.new_context, judged.old_tree)


def _authenticated_data(encoded: bytes, group_id: bytes) -> AuthenticatedData:
    try:
        data = AuthenticatedData.parse(encoded)
    except Malformed:
        raise Invalid("data-form") from None
    if data.room_id != group_id:
        raise Invalid("data-room")
    return data


def _check_context(context: GroupContext) -> None:
    if context.cipher_suite != ROOM_SUITE.number:
        raise Invalid("suite")
    if len(context.group_id) != ROOM_ID_BYTES:
        raise Invalid("group-id")
    # The epoch after it could not be written down, and the room would end there.
    if context.epoch == INTEGER_MAX:
        raise Invalid("epoch")
    _check_extensions(context.extensions)


def _check_extensions(extensions: tuple[Extension, ...]) -> Roles:
    types = [each.extension_type for each in extensions]
    if types != [ExtensionType.REQUIRED_CAPABILITIES, ROLES_EXTENSION] or extensions[0] != REQUIRED_CAPABILITIES:
        raise Invalid("context-extensions")
    return _roles(extensions)


def _roles(extensions: tuple[Extension, ...]) -> Roles:
    try:
        return Roles.of(extensions)
    except Malformed:
        raise Invalid("roles") from None


def _check_leaf(leaf: LeafNode) -> None:
    """The leaf rules of 4.4, for every leaf that a commit puts into the tree."""
    _identity(leaf)
    if leaf.capabilities != ROOM_CAPABILITIES:
        raise Invalid("capabilities")
    if leaf.extensions:
        if [each.extension_type for each in leaf.extensions] != [VOUCHER_EXTENSION]:
            raise Invalid("leaf-extensions")
        if len(leaf.extensions[0].extension_data) != VOUCHER_BYTES:
            raise Invalid("leaf-extensions")


def _identity(leaf: LeafNode) -> LeafIdentity:
    """Who a leaf says it is, certified."""
    if leaf.credential.credential_type != CredentialType.BASIC or len(leaf.credential.identity) != IDENTITY_BYTES:
        raise Invalid("identity")
    try:
        identity = LeafIdentity.parse(leaf.credential.identity)
    except (Malformed, UnsupportedVersion):
        raise Invalid("identity") from None
    try:
        identity.verify(DevicePublic.from_bytes(leaf.signature_key))
    except (Malformed, Unauthentic):
        raise Invalid("certificate") from None
    return identity


def _user(leaf: LeafNode) -> bytes:
    """The user id of a leaf that was judged before."""
    return leaf.credential.identity[_USER_ID]


def _owner(leaf: LeafNode) -> tuple[bytes, bytes, tuple[Extension, ...]]:
    """What stays when a device puts a new leaf in the place of its own: all but keys and dates."""
    return leaf.signature_key, leaf.credential.identity[_OWNER], leaf.extensions


def _voucher(leaf: LeafNode) -> bytes | None:
    return leaf.extensions[0].extension_data if leaf.extensions else None


def _check_member(judged: Judged, committer: LeafNode, leaf: LeafNode, data: AuthenticatedData) -> None:
    if data.form not in (DataForm.MEMBER, DataForm.REVOKED):
        raise Invalid("data-form")
    if _owner(committer) != _owner(leaf):
        raise Invalid("path-identity")
    if any(node and node.encryption_key == leaf.encryption_key for node in judged.old_tree.nodes):
        raise Invalid("path-key")
    changes = _Changes(judged, _user(committer))
    for proposed in judged.proposals:
        if proposed.by_reference:
            _check_reference(proposed)
        elif isinstance(proposed.proposal, Add):
            changes.check_add(proposed.proposal)
        elif isinstance(proposed.proposal, GroupContextExtensions):
            changes.check_extensions(proposed.proposal)
        elif not isinstance(proposed.proposal, Remove):
            raise Invalid("proposal-type")
    changes.check_removals(data)


def _check_reference(proposed: Proposed) -> None:
    if not isinstance(proposed.proposal, Remove):
        raise Invalid("proposal-type")
    if proposed.proposal.removed != proposed.sender:
        raise Invalid("role-remove")


class _Changes:
    """What a member's commit changes, against what its user may do in the state before.

    Spec: 4.4
    """

    def __init__(self, judged: Judged, user: bytes) -> None:
        self._judged = judged
        self._user = user
        self._old = _roles(judged.old_context.extensions)
        self._new = self._old
        present = {_user(member.leaf) for member in judged.old_tree.leaves()}
        self._administers = self._old.administers(user, present)
        self._may_add = self._old.may_add(user, present)

    def check_add(self, add: Add) -> None:
        """An administrator, where everybody may add, or a device of the same user."""
        check_key_package(add.key_package)
        if not self._may_add and _user(add.key_package.leaf_node) != self._user:
            raise Invalid("role-add")

    def check_extensions(self, change: GroupContextExtensions) -> None:
        """An administrator; or the second list alone: own vouchers come where the user may add, any go."""
        self._new = _check_extensions(change.extensions)
        if self._administers:
            return
        first_list = (self._new.every_member_may_add, self._new.administrators)
        if first_list != (self._old.every_member_may_add, self._old.administrators):
            raise Invalid("role-change")
        for vouch in set(self._new.vouches) - set(self._old.vouches):
            if not self._may_add or vouch.inviter != self._user:
                raise Invalid("role-vouch")

    def check_removals(self, data: AuthenticatedData) -> None:
        """An administrator, a device of the same user, who asked for it, or who was revoked by its user's root."""
        removals = [each for each in self._judged.proposals if isinstance(each.proposal, Remove)]
        if data.form == DataForm.REVOKED:
            self._check_revocation(removals, data)
        for proposed in removals:
            leaf = _removed(self._judged, proposed)
            allowed = self._administers or proposed.by_reference or data.form == DataForm.REVOKED
            if not allowed and _user(leaf) != self._user:
                raise Invalid("role-remove")
            carried = _voucher(leaf)
            if carried and self._new.vouch(carried):
                raise Invalid("voucher-listed")

    def _check_revocation(self, removals: list[Proposed], data: AuthenticatedData) -> None:
        if len(removals) != 1 or removals[0].by_reference:
            raise Invalid("revocation")
        leaf = _removed(self._judged, removals[0])
        if data.key != leaf.signature_key:
            raise Invalid("revocation")
        try:
            data.verify_revoked(bytes(_identity(leaf).root_public))
        except Unauthentic:
            raise Invalid("revocation") from None


def _removed(judged: Judged, proposed: Proposed) -> LeafNode:
    assert isinstance(proposed.proposal, Remove)
    return judged.old_tree.member(proposed.proposal.removed)


def _check_external(judged: Judged, leaf: LeafNode, data: AuthenticatedData) -> None:
    removals = [each for each in judged.proposals if isinstance(each.proposal, Remove)]
    joins = [each for each in judged.proposals if isinstance(each.proposal, ExternalInit)]
    if len(joins) != 1 or len(removals) > 1 or len(judged.proposals) != 1 + len(removals):
        raise Invalid("external-proposals")
    if any(each.by_reference for each in judged.proposals):
        raise Invalid("external-proposals")
    removed = _removed(judged, removals[0]) if removals else None
    if data.form == DataForm.MEMBER:
        if removed is None or _owner(removed) != _owner(leaf):
            raise Invalid("resync")
    elif data.form == DataForm.VOUCHER:
        _check_voucher(judged, leaf, removed, data)
    elif data.form == DataForm.OWN_DEVICE:
        _check_own_device(judged, leaf, removed, data)
    else:
        raise Invalid("data-form")


def _check_voucher(judged: Judged, leaf: LeafNode, removed: LeafNode | None, data: AuthenticatedData) -> None:
    roles = _roles(judged.old_context.extensions)
    members = [member.leaf for member in judged.old_tree.leaves()]
    vouch = roles.vouch(data.key)
    if removed is not None or vouch is None or _voucher(leaf) != data.key:
        raise Invalid("voucher")
    if any(_voucher(member) == data.key for member in members):
        raise Invalid("voucher-used")
    users = {_user(member) for member in members}
    if vouch.inviter not in users or not roles.may_add(vouch.inviter, users):
        raise Invalid("voucher-inviter")
    try:
        data.verify_voucher(leaf.signature_key)
    except Unauthentic:
        raise Invalid("voucher-proof") from None


def _check_own_device(judged: Judged, leaf: LeafNode, removed: LeafNode | None, data: AuthenticatedData) -> None:
    user = _user(leaf)
    if leaf.extensions or all(_user(member.leaf) != user for member in judged.old_tree.leaves()):
        raise Invalid("own-device")
    if removed is not None:
        if _user(removed) != user:
            raise Invalid("own-device")
        # An external commit cannot drop the entry, so the leaf that used it has to stay.
        carried = _voucher(removed)
        if carried and _roles(judged.old_context.extensions).vouch(carried):
            raise Invalid("voucher-listed")
    try:
        data.verify_own_device(bytes(_identity(leaf).root_public), judged.old_context.epoch, leaf.signature_key)
    except Unauthentic:
        raise Invalid("own-device-proof") from None
