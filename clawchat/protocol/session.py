"""An authenticated session: seals and opens frames in strict order, and says when its keys have done enough.

Spec: 3.5, 3.6
"""

from enum import Enum

from clawchat.protocol.errors import OutOfOrder, RekeyOverdue, UsageError
from clawchat.protocol.frame import Direction, Frame, FrameKeys, MessageType, open_frame, seal_frame
from clawchat.protocol.key_schedule import EpochKeys, client_finished_value, next_epoch
from clawchat.protocol.keys import ExchangePublic
from clawchat.protocol.limits import DEFAULT_MAX_FRAME_BYTES, FRAME_CEILING_BYTES, FRAME_MIN_BYTES
from clawchat.protocol.parameters import KeyLimits, ServerParameters
from clawchat.protocol.suites import SUITE_X25519_MLKEM768

_PROTOCOLS = ServerParameters()


class Role(Enum):
    """Which end of the session this is."""

    CLIENT = "client"
    SERVER = "server"


class Session:
    """What a handshake ends in.

    The server's first frame is AUTH_OK and no other frame is; the handshake seals and opens it. A client gets its
    session only when that frame has opened, so it cannot send before. After an error from `open` the caller closes the
    connection: nothing here changes, and no second attempt is made.

    Epochs, frames and bytes are counted for each direction; a rekey (rekey.py) makes the next epoch's keys here, and
    each direction goes over to them by itself. No limit is ever higher than the protocol's.
    """

    def __init__(
        self,
        role: Role,
        session_id: bytes,
        epoch_keys: EpochKeys,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
        soft_limits: KeyLimits = _PROTOCOLS.soft_limits,
        hard_limits: KeyLimits = _PROTOCOLS.hard_limits,
        suite: int = SUITE_X25519_MLKEM768,
    ) -> None:
        if not FRAME_MIN_BYTES <= max_frame_bytes <= FRAME_CEILING_BYTES or len(session_id) != 16:
            raise UsageError("session id of 16 bytes and frames of 55 bytes to 1 MiB")
        self.role = role
        self.session_id = session_id
        # The handshake's, and every rekey's.
        self.suite = suite
        self.max_frame_bytes = max_frame_bytes
        self.soft_limits = soft_limits.at_most(_PROTOCOLS.soft_limits)
        self.hard_limits = hard_limits.at_most(_PROTOCOLS.hard_limits)
        self.sending_epoch = self.receiving_epoch = 0
        # Under the keys of each direction's own epoch.
        self.sent_frames = self.sent_bytes = 0
        self.received_frames = self.received_bytes = 0
        self._directions = (Direction.CLIENT_TO_SERVER, Direction.SERVER_TO_CLIENT)
        if role is Role.SERVER:
            self._directions = self._directions[::-1]
        # None once the session has ended.
        self._sending: FrameKeys | None
        self._receiving: FrameKeys | None
        self._sending, self._receiving = (self._frame_keys(epoch_keys, way, 0) for way in self._directions)
        self._exporter = epoch_keys.exporter
        self._next_key_seed = epoch_keys.next_key_seed
        # The next epoch's keys, until both directions use them.
        self._next: EpochKeys | None = None

    @property
    def epoch(self) -> int:
        """The epoch that both directions have reached."""
        return min(self.sending_epoch, self.receiving_epoch)

    @property
    def exporter(self) -> bytes:
        """The 32 bytes both sides may derive further secrets from: those of the epoch in which the client sends.

        Raises: usage (the session has ended).
        """
        _in_use(self._sending)
        return self._exporter

    def seal(self, message_type: MessageType, payload: bytes, message_id: bytes, timestamp_ms: int) -> bytes:
        """The next frame for the peer. Frames must reach the peer in the order in which they were sealed.

        Once the next epoch is prepared, the frame of type KEY_ROTATION (RESP or DONE) is the last one of this epoch.
        Raises: too_large; rekey_overdue (a hard limit of frames or bytes under these keys); usage.
        Spec: 3.5, 3.6
        """
        is_servers_first = self.role is Role.SERVER and self.sent_frames == self.sending_epoch == 0
        if (message_type == MessageType.AUTH_OK) != is_servers_first:
            raise UsageError("AUTH_OK is the server's first frame, and only that")
        self._check_hard_limits(self.sent_frames, self.sent_bytes)
        frame = Frame(message_type, message_id, timestamp_ms, payload)
        sealed = seal_frame(_in_use(self._sending), self.sent_frames, frame, self.max_frame_bytes)
        self.sent_frames += 1
        self.sent_bytes += len(sealed)
        if message_type == MessageType.KEY_ROTATION and self._next is not None:
            self._switch_sending(self._next)
        return sealed

    def open(self, data: bytes) -> Frame:
        """The frame the peer sent next; on any error the caller closes the connection.

        Raises: as `open_frame`; out_of_order (AUTH_OK that is not the first frame, or another first frame);
        rekey_overdue.
        Spec: 3.5
        """
        self._check_hard_limits(self.received_frames, self.received_bytes)
        frame = open_frame(_in_use(self._receiving), self.received_frames, data, self.max_frame_bytes)
        is_servers_first = self.role is Role.CLIENT and self.received_frames == self.receiving_epoch == 0
        if (frame.type == MessageType.AUTH_OK) != is_servers_first:
            raise OutOfOrder("AUTH_OK is the server's first frame, and only that")
        self.received_frames += 1
        self.received_bytes += len(data)
        return frame

    def end(self) -> None:
        """Let go of every key: nothing is sealed or opened from here on. A second call does nothing.

        Spec: 3.4
        """
        self._sending = self._receiving = self._next = None
        self._exporter = self._next_key_seed = b""

    def soft_limit_reached(self, age_seconds: float) -> bool:
        """Whether keys of this age have done enough for a rekey, in either direction.

        Spec: 3.6
        """
        return self._reached(self.soft_limits, age_seconds)

    def hard_limit_reached(self, age_seconds: float) -> bool:
        """Whether keys of this age may do nothing more, in either direction.

        Spec: 3.6
        """
        return self._reached(self.hard_limits, age_seconds)

    def prepare_epoch(
        self, shared_secret: bytes, th_r: bytes, server_public: ExchangePublic, client_public: ExchangePublic
    ) -> bytes:
        """Make the next epoch's keys, and return what DONE must carry. Each direction is switched by itself.

        Raises: usage (the epoch before is not over in both directions; the session has ended).
        Spec: 3.6
        """
        _in_use(self._receiving)
        if self._next is not None:
            raise UsageError("one epoch after the other")
        keys = next_epoch(self._next_key_seed, shared_secret, th_r, self.epoch + 1, server_public, client_public)
        # The former seed is erased with this: who finds the new one cannot go back.
        self._next, self._next_key_seed = keys, keys.next_key_seed
        return client_finished_value(keys, th_r)

    def switch_receiving(self) -> None:
        """The frame that was opened last is the peer's last one of its epoch.

        Spec: 3.6
        """
        if self._next is None or self.receiving_epoch > self.sending_epoch:
            raise UsageError("no epoch to receive in")
        self.receiving_epoch += 1
        self._receiving = self._frame_keys(self._next, self._directions[1], self.receiving_epoch)
        self.received_frames = self.received_bytes = 0
        self._finish_switch(self._next, self.role is Role.SERVER)

    def _switch_sending(self, keys: EpochKeys) -> None:
        if self.sending_epoch > self.receiving_epoch:
            return
        self.sending_epoch += 1
        self._sending = self._frame_keys(keys, self._directions[0], self.sending_epoch)
        self.sent_frames = self.sent_bytes = 0
        self._finish_switch(keys, self.role is Role.CLIENT)

    def _finish_switch(self, keys: EpochKeys, of_client: bool) -> None:
        if of_client:
            self._exporter = keys.exporter
        if self.sending_epoch == self.receiving_epoch:
            self._next = None

    def _frame_keys(self, keys: EpochKeys, direction: Direction, epoch: int) -> FrameKeys:
        from_client = direction is Direction.CLIENT_TO_SERVER
        key, iv = (keys.client_key, keys.client_iv) if from_client else (keys.server_key, keys.server_iv)
        return FrameKeys(key, iv, self.session_id, direction, epoch)

    def _reached(self, limits: KeyLimits, age_seconds: float) -> bool:
        size, frames = max(self.sent_bytes, self.received_bytes), max(self.sent_frames, self.received_frames)
        return limits.reached(age_seconds, size, frames)

    def _check_hard_limits(self, frames: int, size: int) -> None:
        if self.hard_limits.reached(-1, size, frames):
            raise RekeyOverdue(f"{frames} frames and {size} bytes under one key")


def _in_use(keys: FrameKeys | None) -> FrameKeys:
    if keys is None:
        raise UsageError("the session has ended")
    return keys
