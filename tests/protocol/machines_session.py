"""Both ends of a session with their rekeys against scripts (machines.py): a bad wire, and peers who lie."""

from collections import deque
from dataclasses import dataclass, field

from clawchat.protocol.errors import PeerError, UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.keys import ExchangeSecret
from clawchat.protocol.parameters import KeyLimits
from clawchat.protocol.rekey import ClientRekey, RekeyInit, RekeyResponse, ServerRekey, parse_rekey
from clawchat.protocol.session import Role, Session
from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768
from tests.protocol.machines_handshake import DEVICE, MLKEM_SECRET, encapsulate
from tests.protocol.machines_script import Script, World, check_size, state_of
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, SESSION_ID, epoch_keys
from tests.protocol.parsers import IDENTITY

MAX_FRAME_BYTES = 4096
SUITES = (SUITE_X25519_MLKEM768, SUITE_X25519)
# Limits that no script reaches, and such as a script does.
LIMITS = (
    (KeyLimits(3600, 1 << 20, 1000), KeyLimits(86_400, 1 << 24, 10_000)),
    (KeyLimits(30, 4096, 6), KeyLimits(120, 16_384, 20)),
    (KeyLimits(11, 1, 1), KeyLimits(20, 1 << 20, 4)),
)
# Each frame has at most one that answers it.
MAX_CARRIED = 1000
KINDS = (MessageType.CHAT, MessageType.PING, MessageType.ERROR, MessageType.AUTH_OK, MessageType.KEY_ROTATION)


@dataclass
class End:
    """One end, as a connection keeps it: what it sealed and opened, and what of a rekey it still has to send."""

    name: str
    session: Session
    rekey: ClientRekey | ServerRekey
    sealed: list[bytes] = field(default_factory=list)
    opened: list[bytes] = field(default_factory=list)
    # On its way to this end.
    line: deque[bytes] = field(default_factory=deque)
    held: bytes | None = None
    is_closed: bool = False
    # By epoch, of those in which the client sends.
    exporters: dict[int, bytes] = field(default_factory=dict)
    nonces: set[tuple[int, bytes]] = field(default_factory=set)
    # Whether its next rekey message is another than its machine gave.
    lies: bool = False

    @property
    def state(self) -> tuple[object, object]:
        """What must stay as it is when something is refused."""
        return self.session, self.rekey


class SessionWorld(World):
    """Two ends after AUTH_OK, and a wire on which mallory delivers, drops, repeats, reorders and changes."""

    STEPS = (
        *World.STEPS,
        *("chat", "deliver", "deliver_hand", "drop", "swap", "catch", "carry_all"),
        *("begin", "request", "release", "pass_time", "watch", "lie", "say", "close"),
    )

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        suite, limits = script.one(SUITES), script.one(LIMITS)
        keys = epoch_keys()
        sessions = [Session(role, SESSION_ID, keys, MAX_FRAME_BYTES, *limits, suite=suite) for role in Role]
        self.client = End("client", sessions[0], ClientRekey(sessions[0], IDENTITY.public, DEVICE.sign, 0))
        self.server = End("server", sessions[1], ServerRekey(sessions[1], DEVICE.public, IDENTITY.sign, 0))
        self.ends = (self.client, self.server)
        self.now, self.begun = 0.0, 0
        # Whether mallory has done anything, and whether a peer has lied.
        self.is_clean = True
        self.refusals: list[str] = []
        self._seal(self.server, MessageType.AUTH_OK, bytes(32))
        self._deliver(self.client)
        for end in self.ends:
            self._note(end)

    def other(self, end: End) -> End:
        """Its peer."""
        return self.server if end is self.client else self.client

    # Frames

    def chat(self) -> None:
        """One end says something; AUTH_OK is not its to say any more."""
        end, kind, size = self.script.one(self.ends), self.script.one(KINDS), self.script.place() % 5000
        if kind is MessageType.KEY_ROTATION:
            kind = MessageType.PONG
        self._seal(end, kind, bytes(size))

    def deliver(self) -> None:
        """The next frame on the way to one end."""
        self._deliver(self.script.one(self.ends))

    def carry_all(self) -> None:
        """Whatever is on its way, and what comes of it."""
        for _ in range(MAX_CARRIED):
            if not any(end.line for end in self.ends):
                return
            for end in self.ends:
                self._deliver(end)

    def deliver_hand(self) -> None:
        """Whatever mallory has in his hand."""
        end = self.script.one(self.ends)
        self.is_clean = False
        self._open(end, self.hand)

    def catch(self) -> None:
        """The next frame on the way to one end is in mallory's hand instead."""
        end = self.script.one(self.ends)
        if end.line:
            self.is_clean = False
            self.hand = self.see(end.line.popleft())

    def drop(self) -> None:
        """One frame of those on the way is lost."""
        end, at = self.script.one(self.ends), self.script.byte()
        if end.line:
            self.is_clean = False
            del end.line[at % len(end.line)]

    def swap(self) -> None:
        """One frame of those on the way comes last, or comes again."""
        end, at, again = self.script.one(self.ends), self.script.byte(), self.script.byte() % 2
        if end.line:
            self.is_clean = False
            frame = end.line[at % len(end.line)]
            if not again:
                end.line.remove(frame)
            end.line.append(frame)

    # Rekeys

    def begin(self) -> None:
        """The client sends INIT; when it is not time for that, its machine says so."""
        end, rekey = self.client, self.client.rekey
        begun, waits = rekey._begun is not None, rekey._is_done_waiting
        may = not (begun or waits or self.now - rekey._began_at < 10)
        if end.is_closed:
            return
        self.begun += 1
        mlkem = MLKEM_SECRET if end.session.suite == SUITE_X25519_MLKEM768 else None
        exchange = ExchangeSecret(bytes([self.begun % 256] * 31 + [1]))
        # What the public call refuses before it draws anything.
        call = (lambda: rekey._init(self.now, exchange, mlkem)) if may else (lambda: rekey.init(self.now))
        payload = self.ask("INIT", rekey, may, call)
        if payload is not None:
            self._send_rekey(end, payload)

    def request(self) -> None:
        """The server asks for it."""
        if not self.server.is_closed:
            payload = self.server.rekey.request()
            if payload is not None:
                self._send_rekey(self.server, payload)

    def release(self) -> None:
        """What waited behind a slow line goes; or the next answer of one end has to wait."""
        end = self.script.one(self.ends)
        if end.held is None:
            end.held = b""
        elif end.held:
            payload, end.held = end.held, None
            self._seal_rekey(end, payload)

    def pass_time(self) -> None:
        """0 to 255 s."""
        self.now += self.script.byte()

    def watch(self) -> None:
        """What a connection does at times: it begins, or asks, when it is due, and closes when it is overdue."""
        end = self.script.one(self.ends)
        if end.is_closed:
            return
        if end.rekey.is_overdue(self.now):
            self.tell(f"{end.name}:overdue")
            self.refusals.append("rekey_overdue")
            self._close(end)
        elif end.rekey.is_due(self.now):
            if end is self.client:
                self.begin()
            else:
                self.request()

    def close(self) -> None:
        """One end goes."""
        self.is_clean = False
        self._close(self.script.one(self.ends))

    # Peers who lie

    def lie(self) -> None:
        """The next rekey message of one end is what mallory makes of it, in a frame that is right."""
        self.script.one(self.ends).lies = True

    def say(self) -> None:
        """One end says what mallory has in his hand, in a right frame, as a rekey message or as another."""
        end, kind = self.script.one(self.ends), self.script.one(KINDS)
        self.is_clean = False
        # A machine that owes an answer sends nothing of this type before it.
        if kind is MessageType.KEY_ROTATION and (end.held or end.is_closed):
            return
        self._seal(end, kind, self.hand)

    def _spoiled(self, payload: bytes) -> bytes:
        """Changed as the script says; signed anew or not."""
        kind, at, bits = self.script.byte() % 4, self.script.place() % len(payload), self.script.byte() or 1
        changed = payload[:at] + bytes([payload[at] ^ bits]) + payload[at + 1 :]
        if kind == 0:
            return changed
        if kind == 1:
            return payload[:at]
        try:
            message = parse_rekey(changed, self.client.session.suite)
        except PeerError:
            return changed
        if isinstance(message, RekeyInit):
            return changed[:-64] + DEVICE.sign(message.signed(SESSION_ID))
        if isinstance(message, RekeyResponse):
            return changed[:-64] + IDENTITY.sign(message.signed(SESSION_ID, self._init_payload))
        return changed

    # Internal

    def _seal(self, end: End, kind: MessageType, payload: bytes) -> bool:
        """Whether the frame is on its way."""
        session, epoch = end.session, end.session.sending_epoch
        before = state_of(end.state)
        is_first = end is self.server and not end.sealed
        try:
            frame = session.seal(kind, payload, MESSAGE_ID, NOW_MS + len(end.sealed))
        except UsageError:
            assert end.is_closed or (kind is MessageType.AUTH_OK) != is_first
            self.tell(f"{end.name}:usage")
        except PeerError as error:
            assert error.code in ("too_large", "rekey_overdue")
            assert not end.is_closed or error.code == "rekey_overdue"
            self.tell(f"{end.name}:{error.code}")
            if error.code == "rekey_overdue" and not end.is_closed:
                self.refusals.append(error.code)
                assert state_of(end.state) == before
                self._close(end)
                return False
        else:
            assert not end.is_closed, "an end that was closed has written"
            nonce = epoch, frame[26:38]
            assert nonce not in end.nonces, "a nonce twice"
            end.nonces.add(nonce)
            end.sealed.append(frame)
            self._note(end)
            self.other(end).line.append(frame)
            return True
        assert state_of(end.state) == before, "what was not sealed left its mark"
        return False

    def _send_rekey(self, end: End, payload: bytes) -> None:
        """At once, as a connection does; unless this end has to wait."""
        if end.held == b"":
            end.held = payload
        else:
            self._seal_rekey(end, payload)

    def _seal_rekey(self, end: End, payload: bytes) -> None:
        if end.lies:
            end.lies, self.is_clean = False, False
            payload = self._spoiled(payload)
        self._seal(end, MessageType.KEY_ROTATION, payload)

    def _deliver(self, end: End) -> None:
        if end.line:
            self._open(end, end.line.popleft())

    def _open(self, end: End, data: bytes) -> None:
        """What a connection does with what comes."""
        before = state_of(end.state)
        try:
            frame = end.session.open(data)
        except UsageError:
            assert end.is_closed
            assert state_of(end.state) == before
            self.tell(f"{end.name}:usage")
            return
        except PeerError as error:
            assert state_of(end.state) == before, "a frame that was refused left its mark"
            self._refuse(end, error)
            return
        assert not end.is_closed, "an end that was closed has opened a frame"
        made = self.other(end).sealed
        assert len(end.opened) < len(made) and made[len(end.opened)] == data, "a frame that is not the next one"
        end.opened.append(data)
        self.tell(f"{end.name}:{frame.type.name}")
        if frame.type is MessageType.KEY_ROTATION:
            self._take_rekey(end, frame.payload)

    def _take_rekey(self, end: End, payload: bytes) -> None:
        before = state_of(end.state)
        try:
            answer = self._receive(end, payload)
        except PeerError as error:
            assert state_of(end.state) == before, "a rekey message that was refused left its mark"
            self._refuse(end, error)
            return
        self._note(end)
        if answer is not None:
            self._send_rekey(end, answer)

    def _note(self, end: End) -> None:
        """What it may derive further secrets from; of one epoch it is always the same."""
        epoch = end.session.sending_epoch if end is self.client else end.session.receiving_epoch
        assert end.exporters.setdefault(epoch, end.session.exporter) == end.session.exporter

    def _receive(self, end: End, payload: bytes) -> bytes | None:
        if isinstance(end.rekey, ClientRekey):
            return end.rekey.receive(payload, self.now)
        self._init_payload = payload
        exchange = ExchangeSecret(bytes([len(end.opened) % 256] * 31 + [2]))
        return end.rekey._receive(payload, self.now, exchange, encapsulate)

    def _refuse(self, end: End, error: PeerError) -> None:
        self.tell(f"{end.name}:{error.code}")
        if not end.is_closed:
            self.refusals.append(error.code)
            self._close(end)

    def _close(self, end: End) -> None:
        end.session.end()
        end.is_closed, end.held = True, None
        self._check_closed(end)

    def _check_closed(self, end: End) -> None:
        """Whatever comes late, out of a task that had begun before: no key comes back."""
        session = end.session
        for call in (
            lambda: session.seal(MessageType.CHAT, b"", MESSAGE_ID, NOW_MS),
            lambda: session.prepare_epoch(bytes(64), bytes(32), IDENTITY.public, IDENTITY.public),
            session.switch_receiving,
            lambda: session.exporter,
        ):
            try:
                call()
            except (UsageError, PeerError):
                continue
            raise AssertionError("a session that has ended did something")

    def look(self) -> None:
        """Epochs, and that the keys of each are the same at both ends."""
        client, server = self.client.session, self.server.session
        assert 0 <= client.receiving_epoch - client.sending_epoch <= 1
        assert 0 <= server.sending_epoch - server.receiving_epoch <= 1
        assert client.receiving_epoch <= server.sending_epoch
        assert server.receiving_epoch <= client.sending_epoch
        assert self.server.exporters.items() <= self.client.exporters.items(), "keys that one end has alone"

    def end(self) -> None:
        """Where nobody did anything wrong all arrives; and then both ends have the same keys."""
        check_size(part for end in self.ends for part in end.state)
        if not self.is_clean:
            return
        for end in self.ends:
            if end.held is not None:
                payload, end.held = end.held, None
                if payload and not end.is_closed:
                    self._seal_rekey(end, payload)
        self.carry_all()
        # Whose lie was still to come has told it now.
        if not self.is_clean:
            return
        assert set(self.refusals) <= {"rekey_overdue"}, "refused though nobody did anything wrong"
        if not any(end.is_closed for end in self.ends):
            assert self.client.opened == self.server.sealed
            assert self.server.opened == self.client.sealed
            assert self.client.session.epoch == self.server.session.epoch
            assert self.client.session.exporter == self.server.session.exporter
