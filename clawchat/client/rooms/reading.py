"""Reading a room's log: from rows in their order to what they change, without changing anything yet.

A batch of rows is read against the room as it stands. The caller writes everything it led to in one transaction and
only then makes it true in memory, so a crash at any moment leaves the room at a row's boundary.
Spec: 4.5, 4.6
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from clawchat.mls.errors import Invalid
from clawchat.mls.group import Group, Opened
from clawchat.mls.nodes import LeafNode
from clawchat.protocol.bodies import ChatDelivery
from clawchat.protocol.credential import LeafIdentity
from clawchat.protocol.errors import PeerError
from clawchat.protocol.message_header import ContentType, MessageHeader

from .archive import Entry
from .outbox import OutboxEntry
from .payload import Profile, Text, parse_payload
from .pending_commit import ADOPTED, SUPERSEDED

if TYPE_CHECKING:
    from .room import Room

# Why a room cannot be read on; the cursor stays before the row.
ROLLED_BACK = "state_rolled_back"
NOT_UNDERSTOOD = "commit_not_understood"
NOTHING = Text("")


class Reading:
    """Some rows of one room's log, read one after the other."""

    def __init__(self, room: "Room") -> None:
        assert room.group is not None
        self._room = room
        self.group: Group = room.group
        self.record = room.record
        self.entries: list[Entry] = []
        # What of the outbox stands in the log now, and where.
        self.delivered: dict[OutboxEntry, int] = {}
        # What became of the pending commit, empty while that is open.
        self.fate = ""
        self.stuck = ""
        # Why a commit is not understood, in a word.
        self.reason = ""
        # Somebody came by an external commit; somebody has told the room's name.
        self.has_newcomer = self.is_named = False

    def read(self, row: ChatDelivery) -> None:
        """Read the next row. One that does not follow, because the room is stuck before it, is passed over."""
        if row.seq != self.record.cursor + 1 or self.stuck or self.record.is_gone:
            return
        header = _parse_header(row.message)
        if header is None:
            self._show(row, "unreadable", b"")
        elif row.sender == self._room.home.device_id:
            self._read_own(row, header)
        elif header.content_type is ContentType.COMMIT:
            self._read_commit(row, header)
        elif header.content_type is ContentType.PROPOSAL:
            self._read_proposal(row, header)
        else:
            self._read_message(row, header)
        if not self.stuck:
            self.record = replace(self.record, cursor=row.seq)

    # Own rows

    def _read_own(self, row: ChatDelivery, header: MessageHeader) -> None:
        """Own messages cannot be opened, but known by their id: an unknown one means a state set back."""
        if header.content_type is ContentType.COMMIT:
            self._read_own_commit(row, header)
            return
        entry = self._room.outbox.find(header.message_id)
        if entry is not None and entry not in self.delivered:
            self.deliver(entry, row.seq, row.server_time_ms)
        elif entry is None and not self._room.archive.has(header.message_id) and not self._is_old(header):
            self.stuck = ROLLED_BACK

    def _is_old(self, header: MessageHeader) -> bool:
        """Whether a row of ours stands in the log again: names and leaving are in no archive."""
        return header.epoch < self.group.epoch

    def deliver(self, entry: OutboxEntry, seq: int, time_ms: int) -> None:
        """An own message stands in the log."""
        self.delivered[entry] = seq
        self.entries.extend(entry.shown(seq, time_ms, self._room.home.user_id))

    def _read_own_commit(self, row: ChatDelivery, header: MessageHeader) -> None:
        pending = self._room.pending
        if pending is not None and not self.fate and pending.message_id == header.message_id:
            before, self.group = self.group, self.group.adopt(pending.next)
            self.fate = ADOPTED
            now = self._room.home.now()
            self._begin_epoch()
            self.record = replace(self.record, updated=now, sent=0)
            self._show_change(row, header.message_id, before, self.group)
        elif header.epoch >= self.group.epoch:
            self.stuck = ROLLED_BACK

    # Rows of others

    def _read_message(self, row: ChatDelivery, header: MessageHeader) -> None:
        try:
            opened = self.group.open(row.message)
            # The keys of this message are used up, whatever stands in it.
            self.group = opened.group
            content = parse_payload(opened.payload or b"")
        except PeerError:
            self._show_unreadable(row, header)
            return
        self._confirm(opened)
        if isinstance(content, Text):
            sender = user_of(opened.leaf)
            self._show(row, "text", header.message_id, sender=sender, said=content)
        elif isinstance(content, Profile):
            self.record = replace(self.record, name=content.name)
            self.is_named = True

    def _show_unreadable(self, row: ChatDelivery, header: MessageHeader) -> None:
        """One whose bytes were processed already is no news."""
        is_here = any(entry.id == header.message_id for entry in self.entries)
        if not is_here and not self._room.archive.has(header.message_id):
            self._show(row, "unreadable", header.message_id)

    def _read_proposal(self, row: ChatDelivery, header: MessageHeader) -> None:
        """One that does not open cannot be taken up by whoever reads alike, so it changes nothing."""
        if header.epoch != self.group.epoch:
            return
        try:
            opened = self.group.open(row.message)
        except PeerError:
            return
        self.group = opened.group
        self._confirm(opened)

    def _read_commit(self, row: ChatDelivery, header: MessageHeader) -> None:
        # One that lost the race for its epoch, or one we have applied, is only passed over.
        if header.epoch < self.group.epoch:
            return
        try:
            opened = self.group.open(row.message)
        except PeerError as error:
            self.stuck = NOT_UNDERSTOOD
            self.reason = error.reason if isinstance(error, Invalid) else error.code.replace("_", "-")
            return
        before = self.group
        if self._room.pending is not None and not self.fate:
            self.fate = SUPERSEDED
        if opened.kind == "removed":
            self.record = replace(self.record, is_gone=True, is_leaving=False)
            me = self._room.home.user_id
            self._show(row, "left", header.message_id, sender=user_of(opened.leaf), users=(me,))
            return
        self.group = opened.group
        self._begin_epoch()
        self._confirm(opened)
        self.has_newcomer |= opened.sender is None
        self._show_change(row, header.message_id, before, self.group, user_of(opened.leaf))

    # Internal

    def _begin_epoch(self) -> None:
        self.record = replace(self.record, epoch=self.group.epoch, epoch_since=self._room.home.now())

    def _confirm(self, opened: Opened) -> None:
        """Somebody who was in the room before is heard in this epoch or a later one: it is the same room. Spec: 4.6"""
        if not self.record.is_unconfirmed:
            if opened.kind == "commit" and opened.sender is not None:
                self.record = replace(self.record, resyncs=0)
        elif opened.sender is not None and opened.leaf is not None and opened.leaf.signature_key in self._room.signers:
            self.record = replace(self.record, is_unconfirmed=False)

    def _show(
        self,
        row: ChatDelivery,
        kind: str,
        entry_id: bytes,
        *,
        sender: bytes = b"",
        said: Text = NOTHING,
        users: tuple[bytes, ...] = (),
    ) -> None:
        own, doubtful = sender == self._room.home.user_id and kind == "text", self.record.is_unconfirmed
        place = (kind, entry_id, row.seq, row.server_time_ms)
        self.entries.append(Entry(*place, sender, own, said.text, users, doubtful, said.attachments))

    def _show_change(
        self, row: ChatDelivery, message_id: bytes, before: Group, after: Group, sender: bytes | None = None
    ) -> None:
        """People come and go; a further device of somebody who is there is no news."""
        were, are = users_of(before), users_of(after)
        by = self._room.home.user_id if sender is None else sender
        for kind, users in (("left", were - are), ("joined", are - were)):
            if users:
                self._show(row, kind, message_id, sender=by, users=tuple(sorted(users)))


def user_of(leaf: LeafNode | None) -> bytes:
    """The person whom a leaf belongs to."""
    if leaf is None:
        return b""
    return LeafIdentity.parse(leaf.credential.identity).user_id


def users_of(group: Group) -> set[bytes]:
    """The people in a group."""
    return {user_of(each.leaf) for each in group.members}


def _parse_header(message: bytes) -> MessageHeader | None:
    try:
        header = MessageHeader.parse(message)
        # Read here, so that a message without an id is known as such at once.
        return header if header.message_id else None
    except PeerError:
        return None
