"""The owner of an account with MEGA's own web client: makes a folder, shares it as a link, puts files into it."""

import os
import time

from tests.mega.account import Account, Share, new_handle
from tests.mega.codec import attributes, b64d, b64e, ecb, encrypt_file, unecb
from tests.mega.service import NO_OWNER_KEY, Service


class Owner:
    """Works on the account directly, with keys as today's web client makes them (no owner's share key)."""

    def __init__(self, service: Service, account: Account) -> None:
        self._service, self._account = service, account

    def make_folder(self, name: str) -> str:
        """A folder in the account's top folder; its handle."""
        key = os.urandom(16)
        sealed_key = b64e(ecb(self._account.master_key, key))
        node = {"t": 1, "p": self._account.root, "a": attributes(key, name), "k": sealed_key}
        return self._account.add(node)["h"]

    def share(self, folder: str) -> str:
        """Share a folder; the link's part behind the host: `folder/<handle>#<key>`."""
        share_key = os.urandom(16)
        inside = {name: b64e(ecb(share_key, self._key_of(name))) for name in self._account.subtree(folder)}
        self._account.shares[folder] = Share(NO_OWNER_KEY, NO_OWNER_KEY, inside)
        public = self._account.links.setdefault(folder, new_handle())
        return f"folder/{public}#{b64e(share_key)}"

    def put(self, folder: str, link: str, name: str, data: bytes, *, at: int | None = None) -> str:
        """Put a file into a shared folder, beside others of its name; its handle. `at` is the time it gets."""
        node_key, key, ciphertext = encrypt_file(data)
        token = new_handle(27)
        self._service.blobs[token] = ciphertext
        node = {"t": 0, "p": folder, "a": attributes(key, name), "k": b64e(ecb(self._account.master_key, node_key))}
        node |= {"s": len(data), "blob": token, "ts": int(time.time()) if at is None else at}
        handle = self._account.add(node)["h"]
        self._account.shares[folder].keys[handle] = b64e(ecb(b64d(link.rpartition("#")[2]), node_key))
        return handle

    def _key_of(self, handle: str) -> bytes:
        return unecb(self._account.master_key, b64d(self._account.nodes[handle]["k"]))
