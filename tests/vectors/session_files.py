"""Session vector files from any keys, of the shape of the one that other people's implementations give."""

from tests.vectors import bare, rekey_cases
from tests.vectors.bare import seed
from tests.vectors.cases import plain

SECRETS = (
    *("discovery_secret", "psk", "psk_id", "server_identity_seed", "device_seed"),
    *("client_eph_private", "server_eph_private", "mlkem_seed"),
)
MESSAGE_TYPES = {"CHAT": 0x01, "AUTH_OK": 0x10}


def keys_of(name, suites):
    """What both sides of a handshake hold, other for each name."""
    mlkem_seed = seed(f"{name} ml-kem", 64)
    sizes = {"psk_id": 16, "session_id": 16}
    drawn = (*SECRETS[:-1], "client_random", "server_random", "session_id")
    return {
        **{part: seed(f"{name} {part}", sizes.get(part, 32)) for part in drawn},
        "mlkem_seed": mlkem_seed,
        "mlkem_ciphertext": bare.encapsulate(mlkem_seed),
        "suites": suites,
        "server_id": f"cc-{name}",
        "params": b"",
        "client_name": f"client of {name}",
        "client_time_ms": 1_800_000_000_000,
        "server_time_ms": 1_800_000_001_234,
    }


def handshake(keys, suite):
    """One handshake and some frames after it. Where suite 2 is not offered there is no seed of ML-KEM either."""
    first = bare.hello(keys)
    second = bare.server_hello(keys, first, suite=suite)
    third = bare.client_auth(keys, first, second)
    epoch = bare.epoch(keys, first, second, third)
    finished = bare.hmac_sha256(epoch["finished"], epoch["th4"])
    given = {name: keys[name] for name in SECRETS if name != "mlkem_seed" or 2 in keys["suites"]}
    return {
        "suite": suite,
        "suites": keys["suites"],
        **given,
        "gate_key": bare.gate_key(keys["discovery_secret"]),
        "H1": first,
        "H2": second,
        "H3": third,
        "th4": epoch["th4"],
        "handshake_secret": bare.handshake_secrets(keys, first, bare.clear_part(second))[1],
        "epoch0": epoch["session_keys"],
        "exporter": epoch["exporter"],
        "session_id": keys["session_id"],
        "finished_frame": _frame(keys, epoch, "s2c", 0, "AUTH_OK", finished),
        **{f"c2s_frame_{at}": _frame(keys, epoch, "c2s", at, "CHAT", b"up %d" % at) for at in range(3)},
        # The server's first frame was AUTH_OK.
        **{f"s2c_frame_{at}": _frame(keys, epoch, "s2c", at, "CHAT", b"down %d" % at) for at in range(1, 3)},
    }


def connection_file(name):
    """The specification's sealed file."""
    secret, iv, text = seed(f"{name} file secret"), seed(f"{name} file iv", 12), f'{{"server": "{name}"}}'
    sealed = bare.seal(bare.file_key(secret), iv, text.encode(), b"")
    parts = {"ciphertext": sealed[:-16], "tag": sealed[-16:], "iv": iv}
    return {"shared_secret": secret, "file_key": bare.file_key(secret), "plaintext": text, **parts}


def session_file(name):
    """A whole file: every area, handshakes and rekeys in both suites."""
    dh = {part: seed(f"{name} {part}") for part in ("dh_secret", "server_public", "client_public")}
    rekeys = {
        **rekey_cases.KEYS,
        "session_id": seed(f"{name} rekey session", 16),
        "epoch": 5,
        "next_key_seed": seed(f"{name} next key seed"),
        "client_eph_private": seed(f"{name} rekey client"),
        "mlkem_seed": seed(f"{name} rekey ml-kem", 64),
    }
    rekeys["mlkem_ciphertext"] = bare.encapsulate(rekeys["mlkem_seed"])
    classic = {part: value for part, value in rekeys.items() if not part.startswith("mlkem")} | {"suite": 1}
    offers = (([2, 1], 2), ([2], 2), ([1], 1))
    return plain(
        {
            "derive_session_keys": [{**dh, **bare.derive_session_keys(**dh)}],
            "connection_file": connection_file(name),
            "handshake": [
                handshake(keys_of(f"{name} {at}", suites), suite) for at, (suites, suite) in enumerate(offers)
            ],
            "rekey": [rekey_cases.session_vector(each) for each in (rekeys, classic)],
        }
    )


def _frame(keys, epoch, way, counter, kind, payload):
    key, iv, direction = epoch[way], epoch[f"{way} iv"], int(way == "s2c")
    text = bare.pad(payload)
    return bare.frame(key, iv, keys["session_id"], direction, 0, counter, MESSAGE_TYPES[kind], text)
