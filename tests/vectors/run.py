"""Run one vector file through the Python implementation: `python tests/vectors/run.py FILE`.

The file has any of the areas `derive_session_keys`, `connection_file`, `handshake` and `rekey`; every value in it is
made anew by the code itself and compared. Prints one line, and to the error stream what failed; exits with 1 on a
failure.
"""

import json
import re
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from clawchat.protocol import connection_file as files
from clawchat.protocol.encoding import encode_base64, encode_json
from clawchat.protocol.frame import Direction, FrameHeader, FrameKeys, MessageType, open_frame, seal_frame
from clawchat.protocol.handshake import find_gate
from clawchat.protocol.handshake_messages import (
    CLIENT_AUTH,
    ClientHello,
    ClientProof,
    ServerHello,
    ServerProof,
    parse_record,
)
from clawchat.protocol.key_schedule import (
    EpochKeys,
    HandshakeKeys,
    client_finished_value,
    connection_file_key,
    derive_session_keys,
    gate_key,
    next_epoch,
    session_secret,
)
from clawchat.protocol.keys import (
    DecapsulationKey,
    DeviceKey,
    DiscoverySecret,
    ExchangePublic,
    ExchangeSecret,
    IdentityKey,
    PreSharedKey,
)
from clawchat.protocol.limits import FRAME_CEILING_BYTES
from clawchat.protocol.parameters import parse_client_name
from clawchat.protocol.primitives import aead_key, aead_open, sha256
from clawchat.protocol.rekey import RekeyDone, RekeyInit, RekeyResponse, parse_rekey
from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768
from tests.vectors.sides import Sides

SESSION_KEYS = ("encryption_key", "mac_key", "iv_key", "next_key_seed")
SIDE_SECRETS = (
    "discovery_secret",
    "psk",
    "psk_id",
    "server_identity_seed",
    "device_seed",
    "client_eph_private",
    "server_eph_private",
    "mlkem_seed",
)
REKEY_SECRETS = (
    *("session_id", "next_key_seed", "server_identity_seed", "device_seed"),
    *("client_eph_private", "server_eph_private", "mlkem_seed"),
)
FRAME = re.compile(r"(c2s|s2c)_frame_(\d+)")


class Checks:
    """Counts what was compared."""

    def __init__(self):
        self.passed = 0
        self.failed = []

    def same(self, name, ours, given):
        """Whether we made what the file has."""
        if ours == given:
            self.passed += 1
        else:
            self.failed.append(f"{name}: expected {_shown(given)}, got {_shown(ours)}")

    def attempt(self, name, run, *arguments):
        """Run a group of checks; an error in it is one failure."""
        try:
            run(self, *arguments)
        except Exception as error:
            self.failed.append(f"{name}: {type(error).__name__}: {error}")


def check_derive_session_keys(checks, name, vector):
    """The specification's 5.3."""
    publics = (ExchangePublic(bytes.fromhex(vector[f"{side}_public"])) for side in ("server", "client"))
    keys = derive_session_keys(bytes.fromhex(vector["dh_secret"]), *publics)
    for part in SESSION_KEYS:
        checks.same(f"{name}.{part}", getattr(keys, part).hex(), vector[part])


def check_connection_file(checks, name, vector):
    """The specification's 6.2, sealed and opened."""
    secret = DiscoverySecret(bytes.fromhex(vector["shared_secret"]))
    iv, ciphertext, tag = (bytes.fromhex(vector[part]) for part in ("iv", "ciphertext", "tag"))
    plaintext = vector["plaintext"].encode()
    checks.same(f"{name}.file_key", connection_file_key(secret).hex(), vector["file_key"])
    sealed = files._encrypt_connection_file(plaintext, secret, iv)
    checks.same(f"{name}.ciphertext", sealed["ciphertext"], encode_base64(ciphertext))
    checks.same(f"{name}.tag", sealed["tag"], encode_base64(tag))
    parts = {"iv": iv, "ciphertext": ciphertext, "tag": tag}
    published = {"algorithm": "aes-256-gcm", **{part: encode_base64(data) for part, data in parts.items()}}
    checks.same(f"{name}.plaintext", files.decrypt_connection_file(encode_json(published), secret), plaintext)


def check_handshake(checks, name, vector):
    """Every value from H1 to the frames after AUTH_OK, made by both sides."""
    given = {part: bytes.fromhex(value) for part, value in vector.items() if isinstance(value, str)}
    sides, keys, main_secret = _read(given)
    suite = ServerHello.parse(given["H2"], sides.suites).suite
    checks.same(f"{name}.suite", suite, vector["suite"])
    checks.same(f"{name}.suites", list(sides.suites), vector.get("suites", list(sides.suites)))
    secret = DiscoverySecret(given["discovery_secret"])
    checks.same(f"{name}.gate_key", bytes(gate_key(secret)), given["gate_key"])
    checks.same(f"{name}.handshake_secret", keys.handshake_secret, given["handshake_secret"])

    client, first = sides.client()
    checks.same(f"{name}.H1", first, given["H1"])
    gate = sides.gate
    checks.same(f"{name}.gate", find_gate(given["H1"], [gate]) is gate, True)
    server, second = sides.server(given["H1"])
    checks.same(f"{name}.H2", second, given["H2"])
    third = client.receive_server_hello(given["H2"], sides.client_time_ms)
    checks.same(f"{name}.H3", third, given["H3"])
    checks.same(f"{name}.server_id", client.server_id, sides.server_id)
    auth = server.receive_client_auth(given["H3"])
    checks.same(f"{name}.psk_id", auth.psk_id, given["psk_id"])
    server.verify(PreSharedKey(given["psk"]), sides.device.public)

    th4 = sha256(given["H1"], given["H2"], given["H3"])
    checks.same(f"{name}.th4", th4, given["th4"])
    publics = (ExchangeSecret(given[f"{side}_eph_private"]).public for side in ("server", "client"))
    epoch = derive_session_keys(session_secret(main_secret, th4), *publics)
    for part in SESSION_KEYS:
        checks.same(f"{name}.epoch0.{part}", getattr(epoch, part).hex(), vector["epoch0"][part])
    checks.same(f"{name}.exporter", server.exporter, given["exporter"])

    head = FrameHeader.parse(given["finished_frame"])
    finished, server_session = server.finish({}, head.message_id, head.timestamp_ms)
    checks.same(f"{name}.finished_frame", finished, given["finished_frame"])
    client_session = client.receive_finished(given["finished_frame"])
    checks.same(f"{name}.exporter", client.exporter, given["exporter"])
    checks.same(f"{name}.session_id", client_session.session_id, given["session_id"])
    checks.same(f"{name}.suite of the sessions", {client_session.suite, server_session.suite}, {suite})
    known = {*SIDE_SECRETS, "suite", "suites", "gate_key", "handshake_secret", "H1", "H2", "H3", "th4", "epoch0"}
    known |= {"exporter", "finished_frame", "session_id"}
    ends = {"c2s": (client_session, server_session), "s2c": (server_session, client_session)}
    for part in sorted(given, key=_frame_order):
        match = FRAME.fullmatch(part)
        if match:
            _check_frame(checks, f"{name}.{part}", given[part], *ends[match[1]])
            known.add(part)
    checks.same(f"{name}: members that nothing checks", sorted(vector.keys() - known), [])


def check_rekey(checks, name, vector):
    """Every value from INIT to the frames of the new epoch."""
    given = {part: bytes.fromhex(value) for part, value in vector.items() if isinstance(value, str)}
    epoch, session_id = vector["epoch"], given["session_id"]
    device, identity = DeviceKey(given["device_seed"]), IdentityKey(given["server_identity_seed"])
    client, server = (ExchangeSecret(given[f"{side}_eph_private"]) for side in ("client", "server"))
    # A rekey keeps the session's suite, which the file tells by its ML-KEM seed.
    decapsulation = DecapsulationKey(given["mlkem_seed"]) if "mlkem_seed" in given else None
    suite = SUITE_X25519 if decapsulation is None else SUITE_X25519_MLKEM768

    init = RekeyInit(epoch, client.public, decapsulation.public if decapsulation is not None else None)
    first = init.encode() + device.sign(init.signed(session_id))
    checks.same(f"{name}.INIT", first, given["INIT"])
    device.public.verify(parse_rekey(given["INIT"], suite).signature, init.signed(session_id))
    ciphertext = parse_rekey(given["RESP"], suite).ciphertext
    response = RekeyResponse(epoch, server.public, ciphertext)
    second = response.encode() + identity.sign(response.signed(session_id, first))
    checks.same(f"{name}.RESP", second, given["RESP"])
    th_r = sha256(first, second)
    checks.same(f"{name}.th_r", th_r, given["th_r"])

    shared = decapsulation.decapsulate(ciphertext) if decapsulation is not None else b""
    shared += server.exchange(client.public)
    keys = next_epoch(given["next_key_seed"], shared, th_r, epoch, server.public, client.public)
    for part in EpochKeys.__dataclass_fields__:
        checks.same(f"{name}.epoch_keys.{part}", getattr(keys, part).hex(), vector["epoch_keys"].get(part))
    checks.same(f"{name}.DONE", RekeyDone(client_finished_value(keys, th_r)).encode(), given["DONE"])
    ways = {
        "c2s": FrameKeys(keys.client_key, keys.client_iv, session_id, Direction.CLIENT_TO_SERVER, epoch),
        "s2c": FrameKeys(keys.server_key, keys.server_iv, session_id, Direction.SERVER_TO_CLIENT, epoch),
    }
    known = {*REKEY_SECRETS, "epoch", "INIT", "RESP", "th_r", "epoch_keys", "DONE"}
    for part in sorted(given, key=_frame_order):
        match = FRAME.fullmatch(part)
        if match:
            frame = open_frame(ways[match[1]], int(match[2]), given[part], FRAME_CEILING_BYTES)
            sealed = seal_frame(ways[match[1]], int(match[2]), frame, FRAME_CEILING_BYTES)
            checks.same(f"{name}.{part}", sealed, given[part])
            known.add(part)
    checks.same(f"{name}: members that nothing checks", sorted(vector.keys() - known), [])


def _read(given):
    """What the records tell that the file does not name: randoms, clocks, parameters."""
    hello = ClientHello.parse(given["H1"])
    answer = ServerHello.parse(given["H2"], hello.suites)
    is_hybrid = answer.suite == SUITE_X25519_MLKEM768
    shared = DecapsulationKey(given["mlkem_seed"]).decapsulate(answer.ciphertext) if is_hybrid else b""
    shared += ExchangeSecret(given["client_eph_private"]).exchange(answer.exchange)
    th2, th3 = sha256(given["H1"], answer.clear_record), sha256(given["H1"], given["H2"])
    keys = HandshakeKeys.derive(shared, th2)
    proof, _ = ServerProof.parse(aead_open(aead_key(keys.server_key), keys.server_iv, answer.sealed, th2))
    sealed = parse_record(CLIENT_AUTH, given["H3"])
    caller, _, _ = ClientProof.parse(aead_open(aead_key(keys.client_key), keys.client_iv, sealed, th3))
    sides = Sides(
        **{part: given[part] for part in SIDE_SECRETS if part != "mlkem_seed"},
        # A hello without suite 2 needs none.
        mlkem_seed=given.get("mlkem_seed", b""),
        mlkem_ciphertext=answer.ciphertext,
        client_random=hello.random,
        server_random=answer.random,
        session_id=answer.session_id,
        params=proof.params,
        suites=hello.suites,
        server_id=proof.server_id,
        client_name=parse_client_name(caller.params),
        client_time_ms=caller.client_time_ms,
        server_time_ms=proof.server_time_ms,
        pq_required=is_hybrid,
    )
    return sides, keys, keys.main_secret(PreSharedKey(given["psk"]))


def _check_frame(checks, name, data, sender, receiver):
    frame = receiver.open(data)
    checks.same(f"{name} opened", type(frame.type), MessageType)
    checks.same(name, sender.seal(frame.type, frame.payload, frame.message_id, frame.timestamp_ms), data)


def _frame_order(name):
    match = FRAME.fullmatch(name)
    return (match[1], int(match[2])) if match else ("", 0)


def _shown(value):
    return value.hex() if isinstance(value, bytes) else value


AREAS = {
    "derive_session_keys": check_derive_session_keys,
    "connection_file": check_connection_file,
    "handshake": check_handshake,
    "rekey": check_rekey,
}


def run(path):
    """The checks of one file."""
    checks = Checks()
    try:
        vectors = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        checks.failed.append(f"cannot be read: {error}")
        return checks
    if not isinstance(vectors, dict) or not vectors:
        checks.failed.append("no areas")
        return checks
    for area, content in vectors.items():
        if area not in AREAS:
            checks.failed.append(f"{area}: unknown area")
            continue
        if not content:
            checks.failed.append(f"{area}: nothing to check")
        for number, vector in enumerate(content if isinstance(content, list) else [content]):
            name = f"{area}[{number}]" if isinstance(content, list) else area
            checks.attempt(name, AREAS[area], name, vector)
    return checks


def main(arguments):
    if len(arguments) != 1:
        print("usage: python tests/vectors/run.py FILE", file=sys.stderr)
        return 2
    checks = run(arguments[0])
    for failure in checks.failed:
        print(failure, file=sys.stderr)
    print(f"python: {checks.passed} passed, {len(checks.failed)} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
