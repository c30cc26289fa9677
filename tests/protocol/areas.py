"""How each area of tests/vectors is run: from a case's input to its output, raising what our code raises."""

from dataclasses import astuple

from clawchat.protocol.attachment import (
    Attachment,
    encode_attachments,
    fitting_mime,
    fitting_name,
    open_attachment,
    parse_attachments,
    seal_attachment,
    sealed_size,
)
from clawchat.protocol.authenticated_data import AuthenticatedData
from clawchat.protocol.bodies import (
    Ack,
    ChatDelivery,
    ChatSend,
    CloseNotify,
    ErrorBody,
    FileChunk,
    PresenceBody,
    SealedSignal,
    parse_exchange,
    parse_ping,
)
from clawchat.protocol.connection_file import SealedConnectionFile, check_freshness
from clawchat.protocol.connection_info import ConnectionInfo, Endpoint
from clawchat.protocol.credential import LeafIdentity, open_root_blob
from clawchat.protocol.encoding import encode_cbor, encode_tlvs, parse_cbor, parse_tlvs
from clawchat.protocol.endpoint_choice import (
    better_endpoints,
    is_content,
    look_at,
    move_pause,
    order_endpoints,
    place_of,
    remember_time,
    slow_places,
)
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.external_commit import ExternalCommit
from clawchat.protocol.frame import Direction, FrameKeys, MessageType, open_frame, seal_frame
from clawchat.protocol.handshake import Gate, find_gate
from clawchat.protocol.invite import Invite
from clawchat.protocol.key_schedule import EpochKeys, derive_session_keys, expand_label, gate_key, key_id
from clawchat.protocol.keys import (
    AttachmentKey,
    DecapsulationKey,
    DeviceKey,
    DevicePublic,
    DiscoverySecret,
    ExchangePublic,
    ExchangeSecret,
    IdentityKey,
    IdentityPublic,
    PreSharedKey,
    RecoveryKey,
    SignalKey,
)
from clawchat.protocol.message_header import MessageHeader
from clawchat.protocol.padding import pad, unpad
from clawchat.protocol.parameters import ServerParameters, encode_client_name, parse_client_name
from clawchat.protocol.places import LIST_NAME, MegaFolder, WebPlace, parse_place
from clawchat.protocol.primitives import Sha256, sha256
from clawchat.protocol.rekey import ClientRekey, ServerRekey
from clawchat.protocol.revocation_list import Revoked, SealedRevocationList, check_identity_revocation, revoked_id
from clawchat.protocol.session import Role, Session
from clawchat.protocol.signal import _seal_signal, open_signal
from clawchat.protocol.succession import SuccessorStatement, sign_succession
from clawchat.protocol.suites import SUITE_X25519_MLKEM768
from clawchat.protocol.wraps import make_wrap, open_wrap
from tests.protocol.operation_area import run_operations  # noqa: F401, one of AREAS
from tests.protocol.primitive_area import run_primitives  # noqa: F401, one of AREAS
from tests.vectors.sides import Sides

BODIES = {
    "chat_send": ChatSend,
    "chat_delivery": ChatDelivery,
    "file_chunk": FileChunk,
    "presence": PresenceBody,
    "error": ErrorBody,
    "close_notify": CloseNotify,
    "ack": Ack,
}
HEX_SIDES = ("suites", "pq_required", "server_id", "client_name", "client_time_ms", "server_time_ms")


def _bytes(given, *names):
    return (bytes.fromhex(given[name]) for name in names)


def _shown(value):
    """The value as a case writes it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _shown(item) for name, item in value.items()}
    if isinstance(value, SealedSignal):
        return _members(value, *value.__dataclass_fields__)
    return value


def _members(value, *names):
    return {name: _shown(getattr(value, name)) for name in names}


def run_derive_session_keys(given):
    secret, server_public, client_public = _bytes(given, "dh_secret", "server_public", "client_public")
    keys = derive_session_keys(
        secret, ExchangePublic.from_bytes(server_public), ExchangePublic.from_bytes(client_public)
    )
    return _members(keys, "encryption_key", "mac_key", "iv_key", "next_key_seed")


def run_expand_label(given):
    key, context = _bytes(given, "key", "context")
    return {"bytes": expand_label(key, given["label"], context, given["length"]).hex()}


def run_gate(given):
    gates = []
    for each in given["gates"]:
        secret, seed = _bytes(each, "discovery_secret", "identity_seed")
        gates.append(Gate(gate_key(DiscoverySecret(secret)), IdentityKey(seed)))
    gate = find_gate(bytes.fromhex(given["record"]), gates)
    if gate is None:
        raise Unauthentic("none fits")
    return {"gate": next(at for at, each in enumerate(gates) if each is gate)}


def run_handshake(given):
    keys = given["keys"]
    sides = Sides(**{name: value if name in HEX_SIDES else bytes.fromhex(value) for name, value in keys.items()})
    records = {name: bytes.fromhex(given[name]) for name in ("H1", "H2", "H3", "AUTH_OK") if name in given}
    receives = given["receives"]
    if receives == "H1":
        return {"H2": sides.server(records["H1"])[1].hex()}
    if receives == "H3":
        return _receive_client_auth(sides, records)
    client, first = sides.client()
    assert first == records["H1"]
    answer = client.receive_server_hello(records["H2"], sides.client_time_ms)
    if receives == "H2":
        known = {"max_frame_bytes": client.server_parameters.max_frame_bytes}
        known["minimum_client"] = client.server_parameters.minimum_client
        return {"H3": answer.hex(), **_members(client, "server_id", "clock_offset_ms"), **known}
    session = client.receive_finished(records["AUTH_OK"])
    return {"tlvs": _shown(client.finished_tlvs), **_members(session, "exporter", "session_id")}


def _receive_client_auth(sides, records):
    server, _ = sides.server(records["H1"])
    auth = server.receive_client_auth(records["H3"])
    server.verify(PreSharedKey(sides.psk), sides.device.public)
    shown = _members(auth, "psk_id", "client_time_ms", "client_name")
    return {**shown, "device_public": bytes(auth.device_public).hex(), "exporter": server.exporter.hex()}


def run_rekey(given):
    plain = ("epoch", "suite")
    keys = {name: value if name in plain else bytes.fromhex(value) for name, value in given["keys"].items()}
    messages = {name: bytes.fromhex(given[name]) for name in ("INIT", "RESP", "DONE") if name in given}
    receives = given["receives"]
    if receives == "RESP":
        session = _session_before(Role.CLIENT, keys)
        client = ClientRekey(session, IdentityKey(keys["server_identity_seed"]).public, _device(keys).sign, 0)
        decapsulation = DecapsulationKey(keys["mlkem_seed"]) if session.suite == SUITE_X25519_MLKEM768 else None
        assert client._init(100, ExchangeSecret(keys["client_eph_private"]), decapsulation) == messages["INIT"]
        return {"DONE": client.receive(messages["RESP"], 101).hex(), "epoch_keys": _next_keys(session)}
    session = _session_before(Role.SERVER, keys)
    server = ServerRekey(session, _device(keys).public, IdentityKey(keys["server_identity_seed"]).sign, 0)

    def encapsulate(encapsulation):
        # The library refuses a key that is none; its own random ciphertext is not what the case has.
        encapsulation.encapsulate()
        return DecapsulationKey(keys["mlkem_seed"]).decapsulate(keys["mlkem_ciphertext"]), keys["mlkem_ciphertext"]

    answer = server._receive(messages["INIT"], 100, ExchangeSecret(keys["server_eph_private"]), encapsulate)
    if receives == "INIT":
        return {"RESP": answer.hex(), "epoch_keys": _next_keys(session)}
    assert answer == messages["RESP"]
    session.seal(MessageType.KEY_ROTATION, answer, bytes(16), 0)
    assert server.receive(messages["DONE"], 101) is None
    return {"epoch": session.epoch}


def _device(keys):
    return DeviceKey(keys["device_seed"])


def _session_before(role, keys):
    """A session in the epoch before the one that is to begin."""
    before = EpochKeys(*(bytes(size) for size in (32, 12, 32, 12, 32, 32, 32)), keys["next_key_seed"])
    session = Session(role, keys["session_id"], before, suite=keys.get("suite", SUITE_X25519_MLKEM768))
    session.sending_epoch = session.receiving_epoch = keys["epoch"] - 1
    session.sent_frames = session.received_frames = 1
    return session


def _next_keys(session):
    return _members(session._next, *EpochKeys.__dataclass_fields__)


def run_frame(given):
    key, iv, session_id, data = _bytes(given, "key", "iv", "session_id", "frame")
    keys = FrameKeys(key, iv, session_id, Direction(given["direction"]), given["epoch"])
    frame = open_frame(keys, given["counter"], data, given["max_frame_bytes"])
    canonical = seal_frame(keys, given["counter"], frame, 1 << 20) == data
    return {**_members(frame, "type", "message_id", "timestamp_ms", "payload"), "canonical": canonical}


def run_padding(given):
    padded = bytes.fromhex(given["padded"])
    payload = unpad(padded)
    return {"payload": payload.hex(), "canonical": pad(payload) == padded}


def run_invite(given):
    invite = Invite.parse(given["text"])
    keys = {name: getattr(invite, name) for name in ("discovery_secret", "server_public", "invite_psk")}
    shown = {name: None if key is None else bytes(key).hex() for name, key in keys.items()}
    return {**shown, **_members(invite, "invite_id", "expires", "locators", "extensions"), "code": invite.encode()}


def run_connection_file(given):
    info = SealedConnectionFile.parse(given["file"].encode()).open(*_held(given))
    last_digest = bytes.fromhex(given["last_digest"])
    check_freshness(info, last_serial=given["last_serial"], last_digest=last_digest, now=given["now"])
    endpoint = ("host", "port", "path", "tls", "valid_from", "valid_until", "load", "region", "retiring", "fixed")
    endpoint += ("url", "is_dialable")
    times = ("valid_from", "valid_until", "next_rotation", "grace_seconds")
    return {
        **_members(info, "serial", "server_id", "server_name", *times, "minimum_client", "urls", "digest"),
        "server_public": bytes(info.server_public).hex(),
        "audit_head": info.audit_head and _members(info.audit_head, "number", "hash"),
        "revocations": info.revocations and _members(info.revocations, "serial", "sha256"),
        "endpoints": [_members(each, *endpoint) for each in info.endpoints],
    }


def _held(given):
    """What a reader of published objects holds: secrets by kid, and pins."""
    secrets = [DiscoverySecret(bytes.fromhex(each)) for each in given["secrets"]]
    return {key_id(each): each for each in secrets}, [IdentityPublic(bytes.fromhex(pin)) for pin in given["pins"]]


def run_wraps(given):
    wraps, kid = _bytes(given, "wraps", "kid")
    psks = [PreSharedKey(bytes.fromhex(each)) for each in given["psks"]]
    secret = open_wrap(wraps, kid, psks)
    return {"discovery_secret": bytes(secret).hex(), "entries": [make_wrap(psk, secret).hex() for psk in psks]}


def run_revocation_list(given):
    if "entry" in given:
        entry, identity = Revoked.from_members(given["entry"]), IdentityPublic(bytes.fromhex(given["identity"]))
        return {"id": revoked_id(bytes(identity)).hex(), "counts": check_identity_revocation(entry, identity)}
    opened = SealedRevocationList.parse(given["list"].encode()).open(*_held(given))
    entries = [_members(each, "kind", "id", "since", "reason", "statement") for each in opened.entries]
    return {**_members(opened, "serial", "issued"), "entries": entries, "encoded": opened.encode().decode()}


def run_succession(given):
    statement = SuccessorStatement.parse(bytes.fromhex(given["statement"]))
    statement.check([IdentityPublic(bytes.fromhex(pin)) for pin in given["pins"]], given["now"])
    old, new = (IdentityKey(bytes.fromhex(each)) for each in given["seeds"])
    signed = sign_succession(old, new, statement.begins, statement.until).encode().hex()
    publics = {"old": bytes(statement.old).hex(), "new": bytes(statement.new).hex()}
    return {**publics, **_members(statement, "begins", "until"), "signed": signed}


def run_places(given):
    match parse_place(given["url"]):
        case WebPlace() as place:
            return {"kind": "web", "host": place.host, "list": place.beside(LIST_NAME)}
        case MegaFolder() as place:
            return {"kind": "mega", **_members(place, "host", "handle", "key", "gateway")}
    return {"kind": "none"}


def run_tlv(given):
    data = bytes.fromhex(given["data"])
    values = parse_tlvs(data)
    assert encode_tlvs(values) == data
    return {"values": _shown(values)}


def run_parameters(given):
    data = bytes.fromhex(given["data"])
    if given["side"] == "client":
        name = parse_client_name(data)
        return {"client_name": name, "canonical": encode_client_name(name) == data}
    read = ServerParameters.parse(data)
    limits = {name: list(astuple(getattr(read, name))) for name in ("soft_limits", "hard_limits")}
    plain = _members(read, "max_frame_bytes", "idle_seconds", "minimum_client")
    return {**plain, **limits, "canonical": read.encode() == data}


def run_bodies(given):
    data = bytes.fromhex(given["data"])
    if given["body"] == "exchange":
        body = parse_exchange(data)
        shown = {"kind": type(body).__name__.lower(), "id": body.id, "body": _tagged(body.body)}
    elif given["body"] == "ping":
        return {"data": parse_ping(data).hex()}
    else:
        body = BODIES[given["body"]].parse(data)
        shown = _members(body, *body.__dataclass_fields__)
    assert body.encode() == data
    return shown


def _tagged(value):
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, dict):
        return {name: _tagged(item) for name, item in value.items()}
    return value


def run_message_header(given):
    header = MessageHeader.parse(bytes.fromhex(given["data"]))
    names = ("wire_format", "group_id", "epoch", "content_type", "authenticated_data", "message_id")
    return _members(header, *names)


def run_authenticated_data(given):
    data = AuthenticatedData.parse(bytes.fromhex(given["data"]))
    assert data.encode() == bytes.fromhex(given["data"])
    return _members(data, *AuthenticatedData.__dataclass_fields__)


def run_external_commit(given):
    commit = ExternalCommit.parse(bytes.fromhex(given["data"]))
    names = ("group_id", "epoch", "authenticated_data", "removed", "signature_key", "identity")
    extensions = [[kind, data.hex()] for kind, data in commit.extensions]
    return {**_members(commit, *names), "extensions": extensions}


def run_credential(given):
    if "root_blob" in given:
        blob, recovery_key = _bytes(given, "root_blob", "recovery_key")
        return {"root_seed": bytes(open_root_blob(blob, RecoveryKey(recovery_key))).hex()}
    data, device_public = _bytes(given, "identity", "device_public")
    identity = LeafIdentity.parse(data)
    identity.verify(DevicePublic(device_public))
    assert identity.encode() == data
    shown = _members(identity, "user_id", "device_id", "kind", "not_before", "not_after")
    return {**shown, "root_public": bytes(identity.root_public).hex()}


def run_endpoint_choice(given):
    listed = [Endpoint.from_members(each) for each in given.get("endpoints", [])]
    times = {place: tuple(known) for place, known in given.get("times", {}).items()}
    match given["question"]:
        case "order":
            slow, region = set(given["slow"]), given["region"]
            ordered = order_endpoints(listed, now=given["now"], draws=given["draws"], slow=slow, region=region)
            return {"order": [place_of(each) for each in ordered]}
        case "stay":
            info = ConnectionInfo(1, "", "", None, 0, 0, 0, 0, 0, tuple(listed))
            url = Endpoint.from_members(given["own"]).url
            better = [place_of(each) for each in better_endpoints(url, info)]
            return {"content": is_content(url, info), "better": better}
        case "when":
            pause = move_pause(given["left"], given["draw"])
            return {"pause": pause, "look": look_at(listed[0], given["grace"], given["draw"])}
        case "remember":
            kept = remember_time(times, listed[0], given["milliseconds"], given["now"])
            return {"times": [[place, *known] for place, known in kept.items()]}
    return {"slow": sorted(slow_places(listed, times, given["now"]))}


def run_attachment(given):
    match given["question"]:
        case "show":
            found = parse_attachments(parse_cbor(bytes.fromhex(given["attachments"])))
            shown = [
                _members(each, "id", "size", "sha256", "mime", "name")
                | {"key": bytes(each.key).hex(), "sealed": sealed_size(each.size)}
                for each in found
            ]
            return {"attachments": shown, "encoded": encode_cbor(encode_attachments(found)).hex()}
        case "fit":
            return {"name": fitting_name(given["name"]), "mime": fitting_mime(given["mime"])}
        case "seal":
            chunks, digest = _seal_pattern(given)
            hashes = {"first": sha256(chunks[0].data).hex(), "last": sha256(chunks[-1].data).hex()}
            return {"sizes": [len(each.data) for each in chunks], "sha256": digest.hex(), **hashes}
        case "open":
            members = given["attachment"]
            raw = {name: bytes.fromhex(members[name]) for name in ("id", "key", "sha256")}
            chunks = [
                FileChunk(bytes.fromhex(each["file"]), each["index"], each["last"], bytes.fromhex(each["data"]))
                for each in given["chunks"]
            ]
            return {"plaintext": b"".join(open_attachment(Attachment.from_members({**members, **raw}), chunks)).hex()}
    sealed, _ = _seal_pattern(given)
    chunks = []
    for each in given["chunks"]:
        data = bytearray(sealed[each["of"]].data)
        if "flip" in each:
            data[each["flip"]] ^= 1
        data = bytes(data[: len(data) - each.get("cut", 0)]) + bytes(each.get("more", 0))
        chunks.append(FileChunk(bytes.fromhex(each["file"]), each["index"], each["last"], data))
    digest = sha256(*(each.data for each in chunks))
    size = given.get("shown_size", given["size"])
    attachment = Attachment(sealed[0].file_id, size, AttachmentKey(bytes.fromhex(given["key"])), digest, "a/b", "a")
    return {"sha256": sha256(b"".join(open_attachment(attachment, chunks))).hex()}


def run_signal(given):
    key, room_id = _bytes(given, "key", "room_id")
    if given["question"] == "seal":
        sender, nonce = _bytes(given, "sender", "nonce")
        made = _seal_signal(SignalKey(key), room_id, sender, given["epoch"], given["members"], nonce)
        return {"sealed": made.encode().hex()}
    sealed = SealedSignal.parse(bytes.fromhex(given["sealed"]))
    found = open_signal(SignalKey(key), room_id, sealed)
    shown = {"type": None} if found is None else found.to_members()
    return {**_members(sealed, "sender", "epoch"), **shown}


def _seal_pattern(given):
    file_id, key, pattern = _bytes(given, "file", "key", "pattern")
    size, digest = given["size"], Sha256()
    plaintext = (pattern * (size // len(pattern) + 1))[:size] if size <= 2**30 else b""
    chunks = list(seal_attachment([plaintext], file_id, AttachmentKey(key), size, digest))
    return chunks, digest.digest()


AREAS = {name.removeprefix("run_"): run for name, run in globals().copy().items() if name.startswith("run_")}
