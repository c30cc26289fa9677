"""An account at MEGA: mega.py with its one choke point replaced, and the publishing that it lacks."""

import re
from typing import Any

from clawchat.mega import FileKey, seal_blocks, seal_name
from clawchat.protocol.encoding import encode_base64url, parse_base64url
from clawchat.protocol.errors import Malformed
from clawchat.protocol.primitives import random_below, random_bytes
from discovery.mirrors.base import MirrorError

from .errors import NOT_FOUND, Refused
from .gateway import Gateway
from .library import import_mega

_Mega = import_mega().Mega
_crypto = import_mega("mega.crypto")

MASTER_KEY_BYTES = 16
# What an upload is answered with; other answers are error numbers or pages.
TOKEN = re.compile(rb"[A-Za-z0-9_-]{20,200}")
OLD_KIND = "MEGA knows this account as one of the old kind; change its password on the website, which renews it."
# The kind of node that an account's files lie below.
TOP = 2
NO_SENSE = "MEGA's answer to the login makes no sense; it is tried again."


class MegaAccount(_Mega):  # type: ignore[misc, valid-type]
    """mega.py's login, over our gateway.

    None of its uploads, downloads and searches is called here: they wait for ever, draw keys that can be guessed, and
    leave files that a link does not open.
    """

    def __init__(self, gateway: Gateway, two_factor_code: str = "") -> None:
        super().__init__()
        self._gateway, self._two_factor_code = gateway, two_factor_code
        self.sequence_num = random_below(1 << 32)

    # Sessions

    def log_in(self, email: str, password: str) -> None:
        """Begin a session: 100,000 rounds of hashing, and what work MEGA asks for.

        Raises: Refused; MirrorError.
        """
        self.sid = None
        try:
            self._login_user(email, password)
            is_whole = isinstance(self.sid, str) and len(_crypto.a32_to_str(self.master_key)) == MASTER_KEY_BYTES
        except MirrorError:
            raise
        except Exception:
            # The library checks nothing: whatever it stumbles over was in an answer, and may be in the error's text.
            raise MirrorError(NO_SENSE) from None
        if not is_whole:
            raise MirrorError(NO_SENSE)

    def session(self) -> dict[str, Any]:
        """What `resume` needs; as secret as the password."""
        return {"sid": self.sid, "master_key": encode_base64url(_crypto.a32_to_str(self.master_key))}

    def resume(self, session: dict[str, Any]) -> bool:
        """Go on with a session from before; False when this is none. Whether it still lasts, the next call tells."""
        try:
            master_key = parse_base64url(str(session.get("master_key")))
        except Malformed:
            return False
        if not isinstance(session.get("sid"), str) or len(master_key) != MASTER_KEY_BYTES:
            return False
        self.sid, self.master_key = session["sid"], _crypto.str_to_a32(master_key)
        return True

    def _api_request(self, data: Any) -> Any:
        """All calls, the library's as well.

        Raises: Refused; MirrorError.
        """
        commands = data if isinstance(data, list) else [data]
        if self._two_factor_code and commands[0]["a"] == "us":
            commands[0]["mfa"] = self._two_factor_code
        self.sequence_num += 1
        answer = self._gateway.call(commands, {"sid": self.sid} if self.sid else {}, self.sequence_num)[0]
        if commands[0]["a"] == "us0" and not (isinstance(answer, dict) and isinstance(answer.get("s"), str)):
            # The library would take it for an account from before 2018, and hash for minutes.
            raise MirrorError(OLD_KIND, needs_operator=True)
        return answer

    # Publishing

    def put_file(self, folder: str, share_key: bytes, name: str, data: bytes, replaced: list[str]) -> str:
        """Put a file into a shared folder in place of these nodes, so that the link reads it; the new node's handle.

        Two calls and an upload, and one more for each further node. What is replaced leaves no version behind.
        Raises: Refused; MirrorError.
        """
        key = FileKey.for_file(data)
        token = self._upload(key.encrypt(data))
        owner_key = key.seal(_crypto.a32_to_str(self.master_key))
        node = {"h": token, "t": 0, "a": encode_base64url(key.seal_name(name)), "k": encode_base64url(owner_key)}
        if replaced:
            node["ov"] = replaced[0]
        # The node's key under the folder's: without it, who has the link cannot read the file.
        shared = [[folder], [token], [0, 0, encode_base64url(key.seal(share_key))]]
        made = self._api_request({"a": "p", "t": folder, "n": [node], "cr": shared, "vb": 0, "i": self.request_id})
        for handle in replaced[1:]:
            self.remove(handle)
        return _handle_of(made)

    def make_folder(self, name: str) -> tuple[str, bytes]:
        """A folder at the top of the account: its handle, and its key of 16 bytes.

        Raises: Refused; MirrorError.
        """
        tree = self._api_request({"a": "f", "c": 1})
        nodes = tree.get("f") if isinstance(tree, dict) else None
        tops = [node.get("h") for node in nodes or () if isinstance(node, dict) and node.get("t") == TOP]
        if len(tops) != 1:
            raise MirrorError("MEGA does not say where the account's files lie.")
        key = random_bytes(16)
        node = {"h": "xxxxxxxx", "t": 1, "a": encode_base64url(seal_name(key, name))}
        node |= {"k": encode_base64url(seal_blocks(_crypto.a32_to_str(self.master_key), key))}
        made = self._api_request({"a": "p", "t": tops[0], "n": [node], "i": self.request_id})
        return _handle_of(made), key

    def share(self, handle: str, key: bytes) -> tuple[str, bytes]:
        """Share a folder as MEGA's present clients do, without an owner's key: the link's handle and key.

        Raises: Refused; MirrorError.
        """
        share_key, none = random_bytes(16), encode_base64url(bytes(16))
        sealed = [[handle], [handle], [0, 0, encode_base64url(seal_blocks(share_key, key))]]
        everybody = [{"u": "EXP", "r": 0}]
        self._api_request({"a": "s2", "n": handle, "s": everybody, "ok": none, "ha": none, "cr": sealed})
        return str(self._api_request({"a": "l", "n": handle})), share_key

    def remove(self, handle: str) -> None:
        """Delete a node for good; one that is gone already is fine.

        Raises: Refused; MirrorError.
        """
        try:
            self.destroy(handle)
        except Refused as error:
            if error.number != NOT_FOUND:
                raise

    def _upload(self, data: bytes) -> str:
        """Store bytes that are encrypted already; the token that a node is made of."""
        target = self._api_request({"a": "u", "s": len(data), "ssl": 2})
        url = target.get("p") if isinstance(target, dict) else None
        if not isinstance(url, str):
            raise MirrorError("MEGA names no place to upload to; it is tried again.")
        token = self._gateway.upload(f"{url}/0", data)
        if not TOKEN.fullmatch(token):
            raise MirrorError("MEGA did not take the upload; it is tried again.")
        return token.decode()


def _handle_of(made: Any) -> str:
    """The handle of the one node that was made."""
    try:
        handle = made["f"][0]["h"]
    except (KeyError, IndexError, TypeError):
        handle = None
    if not isinstance(handle, str):
        raise MirrorError("MEGA does not say what it made of the file; it is tried again.")
    return handle
