"""Every parser of clawchat/protocol by name, for whoever feeds them: bytes in; out come the bytes of what was read, or
None where one thing has several spellings; or a PeerError. Its twin is tests/js/protocol/parsers.js.
"""

from collections.abc import Callable
from typing import Any

from clawchat.client.rooms.payload import parse_payload
from clawchat.protocol.attachment import Attachment, encode_attachments, parse_attachments
from clawchat.protocol.authenticated_data import AuthenticatedData
from clawchat.protocol.bodies import (
    Ack,
    ChatDelivery,
    ChatSend,
    CloseNotify,
    ErrorBody,
    FileChunk,
    PresenceBody,
    Response,
    SealedSignal,
    parse_exchange,
    parse_ping,
)
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.connection_info import ConnectionInfo
from clawchat.protocol.credential import LeafIdentity, open_root_blob
from clawchat.protocol.encoding import (
    Reader,
    encode_base64,
    encode_base64url,
    encode_cbor,
    encode_json,
    encode_tlvs,
    parse_base64,
    parse_base64url,
    parse_cbor,
    parse_json,
    parse_text,
    parse_tlvs,
    u8,
)
from clawchat.protocol.errors import Malformed, PeerError
from clawchat.protocol.external_commit import ExternalCommit
from clawchat.protocol.frame import Direction, FrameHeader, FrameKeys, open_frame
from clawchat.protocol.gate import Gate, find_gate
from clawchat.protocol.handshake_messages import (
    CLIENT_AUTH,
    HELLO,
    ClientHello,
    ClientProof,
    ServerHello,
    ServerProof,
    encode_record,
    parse_record,
)
from clawchat.protocol.invite import SCHEME, Invite
from clawchat.protocol.key_schedule import gate_key, key_id
from clawchat.protocol.keys import DiscoverySecret, IdentityKey, IdentityPublic, PreSharedKey, RecoveryKey
from clawchat.protocol.limits import (
    CONNECTION_FILE_MAX_BYTES,
    DEFAULT_MAX_FRAME_BYTES,
    FRAME_CEILING_BYTES,
    REQUEST_MAX_ITEMS,
)
from clawchat.protocol.message_header import MessageHeader
from clawchat.protocol.operations import OPERATIONS, check_answer, check_notice, check_request
from clawchat.protocol.padding import unpad
from clawchat.protocol.parameters import ServerParameters, parse_client_name
from clawchat.protocol.places import parse_place
from clawchat.protocol.primitives import sha256
from clawchat.protocol.rekey import parse_rekey
from clawchat.protocol.revocation_list import RevocationList, SealedRevocationList
from clawchat.protocol.succession import SuccessorStatement
from clawchat.protocol.suites import SUITE_X25519, SUITES
from clawchat.protocol.wraps import WRAP_BYTES, join_wraps, open_wrap

Parser = Callable[[bytes], bytes | None]

# Whoever holds these; the seeds are made with them.
IDENTITY = IdentityKey(bytes(range(32)))
SECRET = DiscoverySecret(bytes(range(32, 64)))
PSK = PreSharedKey(bytes(range(64, 96)))
RECOVERY = RecoveryKey(bytes(range(96, 128)))
GATE = Gate(gate_key(SECRET), IDENTITY)
FRAME_KEYS = FrameKeys(bytes(range(32)), bytes(range(12)), bytes(16), Direction.CLIENT_TO_SERVER, 0)


def body(kind: Any) -> Parser:
    """A class with `parse` and `encode`."""
    return lambda data: kind.parse(data).encode()


def only(parse: Callable[[bytes], Any]) -> Parser:
    """What there is no writing of."""

    def read(data: bytes) -> None:
        parse(data)

    return read


def again(parse: Callable[[bytes], Any], encode: Callable[[Any], bytes]) -> Parser:
    """What has several spellings: written by us and read anew it is the same."""

    def read(data: bytes) -> None:
        found = parse(data)
        assert parse(encode(found)) == found

    return read


def hello(record: bytes) -> bytes:
    """H1, whose gate value is not looked at."""
    return encode_record(HELLO, ClientHello.parse(record).encode() + record[-16:])


def server_hello(record: bytes) -> bytes:
    """H2, its seal closed."""
    found = ServerHello.parse(record, SUITES)
    return ServerHello.encode(found.clear_record, found.sealed)


def server_proof(data: bytes) -> bytes:
    """What H2's seal holds."""
    proof, signature = ServerProof.parse(data)
    return proof.encode() + signature


def client_proof(data: bytes) -> bytes:
    """What H3's seal holds."""
    proof, binder, signature = ClientProof.parse(data)
    return proof.encode() + binder + signature


def gate(record: bytes) -> None:
    """H1 at the gate: one of ours, or a stranger's."""
    if find_gate(record, [GATE]) is None:
        raise Malformed("a stranger")


def frame(data: bytes) -> None:
    """The first frame of a session."""
    open_frame(FRAME_KEYS, 0, data, DEFAULT_MAX_FRAME_BYTES)


def sealed_frame(data: bytes) -> None:
    """What a peer with the keys may seal: a type, a time, and a plaintext, padded or not."""
    reader = Reader(data)
    kind, time = reader.take(1), reader.take(8)
    clear = b"\1" + bytes(16) + time + kind + FRAME_KEYS.iv(0)
    open_frame(FRAME_KEYS, 0, clear + FRAME_KEYS.seal(0, clear, reader.rest()), FRAME_CEILING_BYTES)


def invite_body(data: bytes) -> Invite:
    """An invite, its last four bytes put right: no fuzzer guesses a checksum."""
    return Invite.parse(SCHEME + encode_base64url(data + sha256(data)[:4]))


def encode_invite_body(found: Invite) -> bytes:
    """What stands before the checksum."""
    return parse_base64url(found.encode().removeprefix(SCHEME))[:-4]


def encode_shown(found: tuple[Attachment, ...]) -> bytes:
    """The attachments of a payload."""
    return encode_cbor(encode_attachments(found))


def request(data: bytes) -> bytes:
    """A client's question, to its last member."""
    exchange = parse_exchange(data, REQUEST_MAX_ITEMS)
    check_request(exchange.body)
    return exchange.encode()


def notice(data: bytes) -> bytes:
    """A server's."""
    exchange = parse_exchange(data)
    check_notice(exchange.body)
    return exchange.encode()


def answer(data: bytes) -> bytes:
    """A server's answer, behind the name of the operation it answers and its length."""
    reader = Reader(data)
    name = parse_text(reader.take(reader.u8()))
    exchange = parse_exchange(reader.rest())
    if name not in OPERATIONS or not isinstance(exchange, Response):
        raise Malformed("no answer of ours")
    check_answer(name, exchange.body)
    return named(name) + exchange.encode()


def named(operation: str) -> bytes:
    """What stands before an answer."""
    return u8(len(operation.encode())) + operation.encode()


def place(data: bytes) -> None:
    """A URL; what is no place of ours counts as refused here."""
    if parse_place(parse_text(data)) is None:
        raise Malformed("no place")


def wraps(data: bytes) -> None:
    """What a file carries for who is away, opened with the PSK of one of them."""
    open_wrap(data, key_id(SECRET), [PSK])
    assert join_wraps(data[at : at + WRAP_BYTES] for at in range(0, len(data), WRAP_BYTES)) == data


def message_header(data: bytes) -> None:
    """What a server reads of an MLS message."""
    assert len(MessageHeader.parse(data).message_id) == 16


PARSERS: dict[str, Parser] = {
    # Handshake
    "gate": gate,
    "H1": hello,
    "H2": server_hello,
    "H3": lambda record: encode_record(CLIENT_AUTH, parse_record(CLIENT_AUTH, record)),
    "server proof": server_proof,
    "client proof": client_proof,
    "server parameters": again(ServerParameters.parse, ServerParameters.encode),
    "client name": only(parse_client_name),
    # Frames
    "frame": frame,
    "sealed frame": sealed_frame,
    "frame header": only(FrameHeader.parse),
    "padding": only(unpad),
    "rekey": lambda data: parse_rekey(data).encode(),
    "rekey suite 1": lambda data: parse_rekey(data, SUITE_X25519).encode(),
    # Bodies
    "chat send": body(ChatSend),
    "chat delivery": body(ChatDelivery),
    "file chunk": body(FileChunk),
    "signal": body(SealedSignal),
    "presence": body(PresenceBody),
    "error": body(ErrorBody),
    "close notify": body(CloseNotify),
    "ack": body(Ack),
    "ping": parse_ping,
    "exchange": lambda data: parse_exchange(data).encode(),
    "request": request,
    "notice": notice,
    "answer": answer,
    # Objects
    "invite": again(lambda data: Invite.parse(parse_text(data)), lambda found: found.encode().encode()),
    "invite body": lambda data: encode_invite_body(invite_body(data)),
    "connection file": again(SealedConnectionFile.parse, lambda found: found.encode(1)),
    "connection info": again(lambda data: ConnectionInfo.parse(data, IDENTITY.public), ConnectionInfo.encode),
    "sealed revocations": again(SealedRevocationList.parse, lambda found: found.encode(1)),
    "revocations": again(RevocationList.parse, RevocationList.encode),
    "wraps": wraps,
    "place": place,
    "succession": body(SuccessorStatement),
    "identity": body(LeafIdentity),
    "root blob": only(lambda data: open_root_blob(data, RECOVERY)),
    "pin": lambda data: bytes(IdentityPublic.from_bytes(data)),
    # What members tell each other
    "payload": only(parse_payload),
    "attachments": again(lambda data: parse_attachments(parse_cbor(data)), encode_shown),
    # What a server reads of MLS
    "message header": message_header,
    "external commit": only(ExternalCommit.parse),
    "authenticated data": body(AuthenticatedData),
    # Encodings
    "tlvs": lambda data: encode_tlvs(parse_tlvs(data)),
    "cbor": lambda data: encode_cbor(parse_cbor(data)),
    "json": again(lambda data: parse_json(data, CONNECTION_FILE_MAX_BYTES), encode_json),
    "text": lambda data: parse_text(data).encode(),
    "base64": lambda data: encode_base64(parse_base64(parse_text(data))).encode(),
    "base64url": lambda data: encode_base64url(parse_base64url(parse_text(data))).encode(),
}


def verdict(name: str, data: bytes) -> str:
    """`ok`, or the code of the refusal; anything but a PeerError goes through, and is a mistake of ours."""
    try:
        encoded = PARSERS[name](data)
    except PeerError as error:
        return error.code
    assert encoded is None or encoded == data
    return "ok"
