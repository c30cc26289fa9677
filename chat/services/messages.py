"""What of an MLS message the server looks at: its clear header, held against where and as what it came."""

from clawchat.protocol.authenticated_data import AuthenticatedData, DataForm
from clawchat.protocol.errors import Malformed
from clawchat.protocol.message_header import PRIVATE_MESSAGE, ContentType, MessageHeader


def check_header(
    message: bytes,
    room_id: bytes,
    message_id: bytes,
    kinds: set[ContentType],
    epoch: int | None = None,
    forms: frozenset[DataForm] = frozenset({DataForm.MEMBER}),
) -> tuple[MessageHeader, AuthenticatedData]:
    """The clear header of a PrivateMessage, when it is one of these kinds, for this room and under this id, and what it
    authenticates, when that has one of these forms.

    Raises: malformed.
    Spec: 3.13
    """
    header = MessageHeader.parse(message)
    data = AuthenticatedData.parse(header.authenticated_data)
    if header.wire_format != PRIVATE_MESSAGE or data.form not in forms:
        raise Malformed(f"wire format {header.wire_format}, authenticated data of form {data.form:d}")
    if (header.group_id, data.room_id, data.message_id) != (room_id, room_id, message_id):
        raise Malformed("a message for another room or under another id")
    if header.content_type not in kinds or (epoch is not None and header.epoch != epoch):
        raise Malformed(f"content type {header.content_type:d}, epoch {header.epoch}")
    return header, data
