"""docs/standards.md against the code: every algorithm that is imported is listed, and the lives are the code's."""

import ast
import re
from pathlib import Path

from chat.models import ConnectionPolicy
from clawchat.protocol import limits
from clawchat_site import settings as product

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/standards.md").read_text("utf-8")
# What a name imported from `cryptography`, or a name of `hashlib`, is called on the page.
ALGORITHMS = {
    "AESGCM": "AES-256-GCM",
    "SHA256": "SHA-256, SHA-384",
    "SHA384": "SHA-256, SHA-384",
    "sha256": "SHA-256, SHA-384",
    "sha384": "SHA-256, SHA-384",
    "shake_256": "SHAKE256",
    "digest": "HMAC",
    "HKDF": "HKDF",
    "HKDFExpand": "HKDF",
    "MLKEM768PrivateKey": "ML-KEM-768",
    "MLKEM768PublicKey": "ML-KEM-768",
    "X25519PrivateKey": "X25519",
    "X25519PublicKey": "X25519",
    "Ed25519PrivateKey": "Ed25519",
    "Ed25519PublicKey": "Ed25519",
}
# Names that are no algorithm: shapes, errors, and HPKE, which RFC 9180 makes of those above.
OTHERS = {"InvalidSignature", "InvalidTag", "hpke", "hashes"}


def used(path: Path) -> set[str]:
    """Names of algorithms that a file imports from `cryptography` or takes from hashlib and hmac."""
    tree = ast.parse(path.read_text("utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cryptography"):
            names |= {name.name for name in node.names}
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("hashlib", "hmac")
        ):
            names.add(node.attr)
    return names - {"compare_digest"} - OTHERS


def rows(heading: str) -> dict[str, list[str]]:
    """A section's table: the first cell, and the others."""
    section = PAGE.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    cells = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells[1:]}


def test_every_algorithm_of_the_protocol_is_on_the_page():
    """What layer A calls is listed, and of what is listed nothing is only said."""
    names = used(ROOT / "clawchat/protocol/primitives.py")

    assert names <= ALGORITHMS.keys()
    assert {ALGORITHMS[name] for name in names} <= rows("Algorithms").keys()
    assert {"AES-256-GCM", "HKDF", "ML-KEM-768", "X25519", "Ed25519", "HMAC"} <= {ALGORITHMS[name] for name in names}


def test_nothing_that_is_disallowed_is_used():
    """No hash or cipher of the past, except in what MEGA's own protocol asks of its readers."""
    for path in (ROOT / "clawchat").rglob("*.py"):
        if "mega" not in path.parts:
            assert not used(path) & {"sha1", "md5", "TripleDES", "ARC4", "SHA1", "MD5", "RSAPrivateKey"}, path


def test_passwords_are_argon2id():
    """The page's row is the settings'."""
    assert "Argon2id" in rows("Algorithms")
    assert product.PASSWORD_HASHERS[0] == "clawchat_site.passwords.OperatorPasswords"


def test_lives_are_the_codes():
    """The numbers in the table of keys are those of limits.py and of the operator's policy."""
    lives = {key: cells[2] for key, cells in rows("Keys and their lives").items()}
    ends = {key: cells[3] for key, cells in rows("Keys and their lives").items()}

    def numbers(text: str) -> list[int]:
        return [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*\d|\d", text)]

    assert numbers(lives["frame keys, one for each direction"]) == [
        limits.SOFT_LIMIT_SECONDS,
        limits.SOFT_LIMIT_BYTES,
        limits.SOFT_LIMIT_FRAMES,
        limits.HARD_LIMIT_SECONDS,
        limits.HARD_LIMIT_BYTES,
        limits.HARD_LIMIT_FRAMES,
    ]
    assert numbers(lives["discovery secret"]) == [ConnectionPolicy._meta.get_field("discovery_secret_days").default]
    assert numbers(lives["server identity, Ed25519"]) == [ConnectionPolicy._meta.get_field("identity_days").default]
    assert numbers(lives["invite PSK"]) == [limits.INVITE_DEFAULT_SECONDS]
    assert limits.SUCCESSION_MAX_SECONDS in numbers(ends["server identity, Ed25519"])
    assert limits.HANDSHAKE_SECONDS in numbers(ends["handshake keys, H2 and H3"])
