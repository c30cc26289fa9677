"""What each parser of parsers.py takes: where fuzzers and property tests begin. Most of it are right cases of ours."""

import json
from functools import cache
from pathlib import Path

from clawchat.client.rooms.payload import encode_profile, encode_text
from clawchat.protocol._vectors import encode_vector
from clawchat.protocol.bodies import Failure, Request, Response
from clawchat.protocol.connection_info import AuditHead, ConnectionInfo, Endpoint, RevocationsHead
from clawchat.protocol.credential import seal_root_blob
from clawchat.protocol.encoding import encode_cbor, encode_tlvs, parse_cbor, u8, u16, u32, u64
from clawchat.protocol.frame import Frame, MessageType, seal_frame
from clawchat.protocol.gate import close_hello
from clawchat.protocol.handshake_messages import ClientHello, ClientProof, ServerProof
from clawchat.protocol.invite import Invite
from clawchat.protocol.keys import DecapsulationKey, DeviceKey, ExchangeSecret, RootKey
from clawchat.protocol.operations import (
    NOTICES,
    OPERATIONS,
    Bool,
    Bytes,
    Exactly,
    Many,
    Members,
    Text,
    Uint,
)
from clawchat.protocol.padding import pad
from clawchat.protocol.parameters import KeyLimits, ServerParameters, encode_client_name
from clawchat.protocol.revocation_list import RevocationKind, RevocationList, Revoked
from clawchat.protocol.wraps import WRAPS_STEP, join_wraps, make_wrap
from tests.protocol.parsers import FRAME_KEYS, GATE, IDENTITY, PSK, RECOVERY, SECRET, encode_invite_body, named, verdict

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
BODIES = ("chat_send", "chat_delivery", "file_chunk", "presence", "error", "close_notify", "ack", "ping", "exchange")
# What is longer stands for nothing new.
MAX_BYTES = 6000


@cache
def right(area: str) -> list[dict]:
    """The inputs of the right cases of an area of tests/vectors."""
    cases = [json.loads(path.read_text("utf-8")) for path in sorted((VECTORS / area).glob("*.json"))]
    return [case["input"] for case in cases if case["expect"] == "ok"]


def hexed(area: str, member: str, **others: object) -> list[bytes]:
    """One member of them, where the others are like this."""
    given = [each for each in right(area) if each.items() >= others.items() and member in each]
    return [bytes.fromhex(each[member]) for each in given]


def texts(area: str, member: str) -> list[bytes]:
    """One member that is text."""
    return [each[member].encode() for each in right(area) if member in each]


def example(shape: object) -> object:
    """A value of this shape of an operation's member."""
    match shape:
        case Exactly():
            return bytes(shape.size)
        case Bytes():
            return b"bytes"
        case Text():
            return "text"
        case Uint():
            return 7
        case Bool():
            return True
        case Many():
            return [example(shape.of)] * 2
        case Members():
            return {each.name: example(each.kind) for each in shape.members}
    raise AssertionError(shape)


def asked(operations: object) -> list[bytes]:
    """Each operation, with all its members."""
    return [Request(1, {"op": name, **example(each.body)}).encode() for name, each in operations.items()]


def info() -> ConnectionInfo:
    """All that a connection file can say."""
    port = Endpoint("chat.example", 40_000, "/" + "A" * 22, True, 1, 2, 0.5, "eu", True, False)
    heads = {"audit_head": AuditHead(3, bytes(32)), "revocations": RevocationsHead(1, bytes(32))}
    return ConnectionInfo(7, "cc-1", "name", IDENTITY.public, 1, 1, 9, 5, 2, (port,), ("https://a.example/f",), **heads)


def external_commit() -> bytes:
    """A short one: the protocol's own cases are longer than what a fuzzer tries."""
    vector = encode_vector
    proposals = u8(1) + u16(6) + vector(b"encapsulated") + u8(1) + u16(3) + u32(2)
    capabilities = b"".join(map(vector, (u16(1), u16(2), b"", u16(3), u16(1))))
    leaf = vector(b"key") + vector(bytes(32)) + u16(1) + vector(b"identity") + capabilities
    leaf += u8(3) + vector(b"parent") + vector(u16(0xF0C2) + vector(b"voucher")) + vector(b"signature")
    nodes = vector(b"node") + vector(vector(b"sealed") + vector(b"text"))
    head = u16(1) + u16(1) + vector(bytes(16)) + u64(5) + u8(4) + vector(u8(1) + bytes(32)) + u8(3)
    return head + vector(proposals) + u8(1) + leaf + vector(nodes) + vector(b"signed") + vector(b"tag")


def answered() -> list[bytes]:
    """The answer to each operation, with all its members."""
    return [named(name) + Response(1, example(each.answer)).encode() for name, each in OPERATIONS.items()]


@cache
def seeds() -> dict[str, list[bytes]]:
    """By parser."""
    device, root = DeviceKey(bytes(32)), RootKey(bytes(32))
    keys = ExchangeSecret(bytes(32)).public, DecapsulationKey(bytes(64)).public
    first = ClientHello(0x0100, 0x0100, bytes(32), (2,), *keys, {5: b"extension"})
    parameters = ServerParameters(4096, KeyLimits(1, 2, 3), KeyLimits(4, 5, 6), 7, "0.4").encode()
    server = ServerProof(IDENTITY.public, 1, "cc-1", parameters)
    client = ClientProof(bytes(16), device.public, 1, encode_client_name("a phone"))
    sent = Frame(MessageType.CHAT, bytes(16), 1, b"payload")
    wrapped = [bytes([0, number]) + bytes(54) for number in range(WRAPS_STEP - 1)] + [make_wrap(PSK, SECRET)]
    revoked = (
        Revoked(RevocationKind.DEVICE, bytes(16), 1, "lost"),
        Revoked(RevocationKind.IDENTITY, bytes(16), 1, "", bytes(64)),
    )
    shown = [
        encode_cbor({"type": "text", "body": "", "client_time": 7, "attachments": parse_cbor(each)})
        for each in hexed("attachment", "attachments", question="show")
    ]
    made = {
        "gate": [close_hello(GATE.gate_key, GATE.server_public, first.encode())],
        "server proof": [server.encode() + bytes(64)],
        "client proof": [client.encode() + bytes(96)],
        "server parameters": [parameters, b""],
        "client name": [encode_client_name("a phone"), encode_tlvs({2: b"later"})],
        "frame": [seal_frame(FRAME_KEYS, 0, sent, 1000)],
        "sealed frame": [bytes([kind]) + u64(1) + pad(b"payload") for kind in (0x01, 0x10)],
        "frame header": [seal_frame(FRAME_KEYS, 0, sent, 1000)],
        "signal": [each[16:] for each in hexed("bodies", "data", body="presence")],
        "request": asked(OPERATIONS),
        "notice": asked(NOTICES),
        "answer": answered(),
        "connection info": [info().encode()],
        "payload": [encode_text("späť", 7), encode_profile("room", 7), encode_cbor({"type": "later"}), *shown],
        "revocations": [RevocationList(1, 2, revoked).encode()],
        "wraps": [join_wraps(wrapped)],
        "root blob": [seal_root_blob(root, RECOVERY)],
        "pin": [bytes(IDENTITY.public)],
        "cbor": [Failure(1, {"code": 1, "text": "no", "more": [b"", None, True, {"a": 2**53 - 1}]}).encode()[5:]],
        "json": [b'{"a":[1,0.5,true,null,"\\u00e9\\ud83d\\ude00"],"b":{}}', b"[]", b"1e5"],
        "text": ["späť 😀".encode(), b""],
        "base64": [b"", b"YQ==", b"YWI=", b"YWJj"],
        "base64url": [b"", b"YQ", b"YWI", b"-_8"],
    }
    rekeys = [each for name in ("INIT", "RESP", "DONE") for each in hexed("rekey", name, receives=name)]
    read = {
        "H1": hexed("handshake", "H1", receives="H1"),
        "H2": hexed("handshake", "H2", receives="H2"),
        "H3": hexed("handshake", "H3", receives="H3"),
        "rekey": rekeys,
        "rekey suite 1": rekeys,
        "invite body": [encode_invite_body(Invite.parse(each.decode())) for each in texts("invite", "text")],
        "padding": hexed("padding", "padded"),
        "invite": texts("invite", "text"),
        "connection file": texts("connection_file", "file"),
        "sealed revocations": texts("revocation_list", "list"),
        "place": [url for url in texts("places", "url") if url.startswith(b"http")],
        "succession": hexed("succession", "statement"),
        "identity": hexed("credential", "identity"),
        "attachments": hexed("attachment", "attachments", question="show"),
        "message header": [external_commit(), *hexed("message_header", "data")],
        "external commit": [external_commit(), *hexed("external_commit", "data")],
        "authenticated data": hexed("authenticated_data", "data"),
        "tlvs": hexed("tlv", "data"),
        **{name.replace("_", " "): hexed("bodies", "data", body=name) for name in BODIES},
    }
    # Some cases are right for another reader: of suite 1, or of places that are none.
    return {
        name: [each for each in all_ if len(each) <= MAX_BYTES and verdict(name, each) == "ok"]
        for name, all_ in (made | read).items()
    }
