"""An authenticated session: seals and opens frames in strict order, and says when its keys have done enough.

Spec: 3.5, 3.6
"""

from enum import Enum

from clawchat.protocol.errors import OutOfOrder, RekeyOverdue, UsageError
from clawchat.protocol.frame import Direction, Frame, FrameKeys, MessageType, open_frame, seal_frame
from clawchat.protocol.key_schedule import EpochKeys
from clawchat.protocol.limits import (
    DEFAULT_MAX_FRAME_BYTES,
    FRAME_CEILING_BYTES,
    FRAME_MIN_BYTES,
    HARD_LIMIT_BYTES,
    HARD_LIMIT_FRAMES,
)


class Role(Enum):
    """Which end of the session this is."""

    CLIENT = "client"
    SERVER = "server"


class Session:
    """What a handshake ends in.

    The server's first frame is AUTH_OK and no other frame is; the handshake seals and opens it. A client gets its
    session only when that frame has opened, so it cannot send before. After an error from `open` the caller closes the
    connection: nothing here changes, and no second attempt is made.
    """

    def __init__(
        self,
        role: Role,
        session_id: bytes,
        epoch_keys: EpochKeys,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
    ) -> None:
        if not FRAME_MIN_BYTES <= max_frame_bytes <= FRAME_CEILING_BYTES or len(session_id) != 16:
            raise UsageError("session id of 16 bytes and frames of 55 bytes to 1 MiB")
        self.role = role
        self.session_id = session_id
        self.epoch = 0
        self.max_frame_bytes = max_frame_bytes
        self.exporter = epoch_keys.exporter
        self.sent_frames = self.sent_bytes = 0
        self.received_frames = self.received_bytes = 0
        c2s = FrameKeys(epoch_keys.client_key, epoch_keys.client_iv, session_id, Direction.CLIENT_TO_SERVER, 0)
        s2c = FrameKeys(epoch_keys.server_key, epoch_keys.server_iv, session_id, Direction.SERVER_TO_CLIENT, 0)
        self._sending, self._receiving = (c2s, s2c) if role is Role.CLIENT else (s2c, c2s)

    def seal(self, message_type: MessageType, payload: bytes, message_id: bytes, timestamp_ms: int) -> bytes:
        """The next frame for the peer. Frames must reach the peer in the order in which they were sealed.

        Raises: too_large; rekey_overdue (2**31 frames or 1 GB under these keys); usage.
        Spec: 3.5
        """
        if (message_type == MessageType.AUTH_OK) != (self.role is Role.SERVER and self.sent_frames == 0):
            raise UsageError("AUTH_OK is the server's first frame, and only that")
        _check_hard_limits(self.sent_frames, self.sent_bytes)
        frame = Frame(message_type, message_id, timestamp_ms, payload)
        sealed = seal_frame(self._sending, self.sent_frames, frame, self.max_frame_bytes)
        self.sent_frames += 1
        self.sent_bytes += len(sealed)
        return sealed

    def open(self, data: bytes) -> Frame:
        """The frame the peer sent next; on any error the caller closes the connection.

        Raises: as `open_frame`; out_of_order (AUTH_OK that is not the first frame, or another first frame);
        rekey_overdue.
        Spec: 3.5
        """
        _check_hard_limits(self.received_frames, self.received_bytes)
        frame = open_frame(self._receiving, self.received_frames, data, self.max_frame_bytes)
        if (frame.type == MessageType.AUTH_OK) != (self.role is Role.CLIENT and self.received_frames == 0):
            raise OutOfOrder("AUTH_OK is the server's first frame, and only that")
        self.received_frames += 1
        self.received_bytes += len(data)
        return frame


def _check_hard_limits(frames: int, size: int) -> None:
    if frames >= HARD_LIMIT_FRAMES or size >= HARD_LIMIT_BYTES:
        raise RekeyOverdue(f"{frames} frames and {size} bytes under one key")
