"""How the area `primitives` of tests/vectors is run."""

from clawchat.protocol import primitives


def run_primitives(given):
    """One algorithm, on bytes; what `does` says."""
    does = DOES[given["does"]]
    members = {name: value for name, value in given.items() if name != "does"}
    arguments = {name: value if name == "length" else bytes.fromhex(value) for name, value in members.items()}
    return {name: made.hex() for name, made in does(**arguments).items()}


def _hmac(key, data):
    return {"mac": primitives.hmac_sha256(key, data)}


def _hkdf(ikm, salt, info, length):
    prk = primitives.hkdf_extract(salt, ikm)
    return {"prk": prk, "okm": primitives.hkdf_expand(prk, info, length)}


def _x25519(secret, public):
    return {"shared": primitives.x25519(secret, public)}


def _ed25519(public, message, signature, seed=None):
    primitives.ed25519_verify(public, signature, message)
    return {"public": primitives.ed25519_public(seed), "signed": primitives.ed25519_sign(seed, message)}


def _mlkem(public):
    primitives.mlkem768_encapsulate(public)
    return {}


DOES = {"hmac": _hmac, "hkdf": _hkdf, "x25519": _x25519, "ed25519": _ed25519, "mlkem": _mlkem}
