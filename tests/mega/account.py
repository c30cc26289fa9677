"""One account as the service keeps it: keys it cannot open, a tree of nodes, shares and links."""

import hashlib
import os
import time
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.mega.codec import b64e, ecb, mpi

PASSWORD_ROUNDS = 100_000
QUOTA_BYTES = 20 << 30


def new_handle(size: int = 6) -> str:
    """A random name as the service makes them; 6 bytes give 8 characters."""
    return b64e(os.urandom(size))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """One key for all accounts of a run, because making one is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def derived_from(password: str) -> tuple[bytes, bytes]:
    """A salt, and what a login derives with it: one for each password of a run, because deriving is slow."""
    salt = os.urandom(16)
    return salt, hashlib.pbkdf2_hmac("sha512", password.encode(), salt, PASSWORD_ROUNDS, 32)


@dataclass
class Share:
    """A folder that was shared as a link: the owner's share key, and the nodes' keys under it."""

    owner_key: str
    authentication: str
    keys: dict[str, str] = field(default_factory=dict)


class Account:
    """What is known of one user. `password` and `master_key` are the user's; only tests look at them."""

    def __init__(self, email: str, password: str, *, two_factor: str = "") -> None:
        self.email, self.password, self.two_factor = email.lower(), password, two_factor
        self.user = new_handle(8)
        self.master_key = os.urandom(16)
        self.salt, derived = derived_from(password)
        self.authentication = b64e(derived[16:])
        self.sealed_master_key = b64e(ecb(derived[:16], self.master_key))
        numbers = rsa_key().private_numbers()
        secret = b"".join(mpi(number) for number in (numbers.p, numbers.q, numbers.d, pow(numbers.p, -1, numbers.q)))
        self.sealed_rsa_key = b64e(ecb(self.master_key, secret + bytes(-len(secret) % 16)))
        self.nodes: dict[str, dict] = {}
        self.shares: dict[str, Share] = {}
        self.links: dict[str, str] = {}
        self.quota = QUOTA_BYTES
        # Whether a node that is replaced stays as a version below the new one, unless the client says otherwise.
        self.keeps_versions = True
        # Some accounts are told -3 for ever when the owner's share key is sent in the old form.
        self.refuses_owner_keys = False
        self.blocked = False
        for kind in (2, 3, 4):
            self.add({"t": kind, "p": "", "a": "", "k": ""})
        self.root = next(handle for handle, node in self.nodes.items() if node["t"] == 2)

    def add(self, node: dict) -> dict:
        """Give a node a name, an owner and a time, and keep it."""
        made = {"h": new_handle(), "u": self.user, "ts": int(time.time()), **node}
        self.nodes[made["h"]] = made
        return made

    def drop(self, handle: str) -> None:
        """Delete a node with everything below it, and their links."""
        for name in self.subtree(handle):
            self.nodes.pop(name, None)
            self.links.pop(name, None)
            for share in self.shares.values():
                share.keys.pop(name, None)

    def subtree(self, top: str) -> list[str]:
        """The handles of a node and of everything below it."""
        found, waiting = [], [top]
        while waiting:
            handle = waiting.pop()
            found.append(handle)
            waiting += [node["h"] for node in self.nodes.values() if node["p"] == handle]
        return found

    def files(self, folder: str) -> list[dict]:
        """The files that lie directly in a folder."""
        return [node for node in self.nodes.values() if node["p"] == folder and node["t"] == 0]

    def used(self) -> int:
        """Bytes that the account's files take."""
        return sum(node.get("s", 0) for node in self.nodes.values())
