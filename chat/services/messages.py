"""What of an MLS message the server looks at: its clear header, held against where and as what it came."""

from clawchat.protocol.errors import Malformed
from clawchat.protocol.message_header import ContentType, MessageHeader, member_authenticated_data


def check_header(
    message: bytes, room_id: bytes, message_id: bytes, kinds: set[ContentType], epoch: int | None = None
) -> MessageHeader:
    """The clear header of an MLS message, when it is one of these kinds, for this room and under this id.

    Raises: malformed.
    Spec: 3.13
    """
    header = MessageHeader.parse(message)
    if header.group_id != room_id or header.authenticated_data != member_authenticated_data(room_id, message_id):
        raise Malformed("a message for another room or under another id")
    if header.content_type not in kinds or (epoch is not None and header.epoch != epoch):
        raise Malformed(f"content type {header.content_type:d}, epoch {header.epoch}")
    return header
