"""Members of one group who each have another library: ours in Python and JavaScript, ts-mls, and the mls-rs wheel.

All speak suite 1, with open rules: what RFC 9420 alone says.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import mls_rs_uniffi as mls_rs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clawchat.mls.codec import Reader, u16
from clawchat.mls.group import Group
from clawchat.mls.key_package import KeyPackage, make_key_package
from clawchat.mls.member import Member
from clawchat.mls.nodes import Capabilities
from clawchat.mls.rules import OpenRules
from clawchat.mls.suite import X25519_SUITE

FOLDER = Path(__file__).parent
LABEL = "mixed groups"
RULES = OpenRules()
CAPABILITIES = Capabilities((1,), (X25519_SUITE.number,), (), (), (1,))
_KEY_PACKAGE_MESSAGE = u16(1) + u16(5)


class Commit:
    """What a commit hands to the others, and how its maker goes on once it was taken."""

    def __init__(
        self, message: bytes, welcome: bytes | None, group_info: bytes | None, taken: Callable[[], None] = lambda: None
    ) -> None:
        self.message, self.welcome, self.group_info, self.taken = message, welcome, group_info, taken


class Anybody(Protocol):
    """One member, whatever its library; messages are whole MLS messages."""

    library: str
    name: str

    def key_package(self) -> bytes: ...
    def create(self, group_id: bytes) -> None: ...
    def join(self, welcome: bytes, tree: bytes) -> None: ...
    def tree(self) -> bytes: ...
    def commit(self, add: list[bytes], remove: list[int]) -> Commit: ...
    def process(self, message: bytes) -> bytes | None: ...
    def seal(self, payload: bytes) -> bytes: ...
    def export(self) -> bytes: ...


class OursInPython:
    """Our library, in this process."""

    library = "ours in Python"

    def __init__(self, name: str) -> None:
        self.name = name
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        self._member = Member(X25519_SUITE, name.encode(), public, key.sign, CAPABILITIES)
        self.group: Group | None = None

    def key_package(self) -> bytes:
        self._secrets = make_key_package(self._member, int(time.time()), secrets.token_bytes)
        return _KEY_PACKAGE_MESSAGE + self._secrets.package.encode()

    def create(self, group_id: bytes) -> None:
        self.group = Group.create(
            self._member, group_id, extensions=(), random=secrets.token_bytes, now=int(time.time()), rules=RULES
        )

    def join(self, welcome: bytes, tree: bytes) -> None:
        self.group = Group.join(self._member, self._secrets, welcome, None, rules=RULES, tree=tree)

    def join_externally(self, group_info: bytes) -> Commit:
        pending = Group.join_externally(
            self._member,
            group_info,
            authenticated_data=b"",
            random=secrets.token_bytes,
            now=int(time.time()),
            rules=RULES,
        )
        return Commit(pending.commit, None, pending.group_info, lambda: setattr(self, "group", pending.next))

    def tree(self) -> bytes:
        return self.group.tree.encode()

    def commit(self, add: list[bytes], remove: list[int]) -> Commit:
        pending = self.group.commit(
            add=tuple(KeyPackage.read(Reader(each[4:])) for each in add),
            remove=tuple(remove),
            authenticated_data=b"",
            random=secrets.token_bytes,
            now=int(time.time()),
        )
        self.group = pending.group
        return Commit(
            pending.commit,
            pending.welcome,
            pending.group_info,
            lambda: setattr(self, "group", self.group.adopt(pending.next)),
        )

    def process(self, message: bytes) -> bytes | None:
        opened = self.group.open(message)
        self.group = opened.group
        return opened.payload

    def seal(self, payload: bytes) -> bytes:
        self.group, message = self.group.seal(payload, b"", random=secrets.token_bytes)
        return message

    def export(self) -> bytes:
        return self.group.export(LABEL, b"", 32)


class Node:
    """A process of node with many members; a request a line."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            ["node", FOLDER / program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(request) + "\n")
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise AssertionError(f"{request['op']}: {answer['error']}")
        return answer

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class InNode:
    """A member in a process of node."""

    _numbers = count()

    def __init__(self, node: Node, library: str, name: str) -> None:
        self.library, self.name = library, name
        self._node, self._number = node, next(self._numbers)

    def _ask(self, op: str, **parts: Any) -> dict[str, Any]:
        return self._node.ask(member=self._number, op=op, **parts)

    def _who(self) -> dict[str, Any]:
        return {"name": self.name, "now": int(time.time())}

    def key_package(self) -> bytes:
        return bytes.fromhex(self._ask("key_package", **self._who())["key_package"])

    def create(self, group_id: bytes) -> None:
        self._ask("create", group_id=group_id.hex(), **self._who())

    def join(self, welcome: bytes, tree: bytes) -> None:
        self._ask("join", welcome=welcome.hex(), tree=tree.hex())

    def join_externally(self, group_info: bytes) -> Commit:
        return self._made(self._ask("join_externally", group_info=group_info.hex(), **self._who()))

    def tree(self) -> bytes:
        return bytes.fromhex(self._ask("tree")["tree"])

    def commit(self, add: list[bytes], remove: list[int]) -> Commit:
        added = [each.hex() for each in add]
        return self._made(self._ask("commit", add=added, remove=remove, now=int(time.time())))

    def process(self, message: bytes) -> bytes | None:
        payload = self._ask("process", message=message.hex())["payload"]
        return None if payload is None else bytes.fromhex(payload)

    def seal(self, payload: bytes) -> bytes:
        return bytes.fromhex(self._ask("seal", payload=payload.hex())["message"])

    def export(self) -> bytes:
        return bytes.fromhex(self._ask("export")["secret"])

    def _made(self, answer: dict[str, Any]) -> Commit:
        welcome = answer.get("welcome")
        return Commit(
            bytes.fromhex(answer["commit"]),
            bytes.fromhex(welcome) if welcome else None,
            bytes.fromhex(answer["group_info"]),
            lambda: self._ask("taken"),
        )


class MlsRs:
    """The mls-rs wheel. It knows others by the identity of a message's sender and shows no leaf index."""

    library = "mls-rs"

    def __init__(self, name: str) -> None:
        self.name = name
        keys = mls_rs.generate_signature_keypair(mls_rs.CipherSuite.CURVE25519_AES128)
        self._client = mls_rs.Client(name.encode(), keys, mls_rs.client_config_default())
        self._identities: dict[str, Any] = {}

    def key_package(self) -> bytes:
        return self._client.generate_key_package_message().to_bytes()

    def create(self, group_id: bytes) -> None:
        self._group = self._client.create_group(group_id)

    def join(self, welcome: bytes, tree: bytes) -> None:
        whole = mls_rs.RatchetTree(bytes=tree)
        self._group = self._client.join_group(whole, mls_rs.Message.from_bytes(welcome)).group

    def tree(self) -> bytes:
        return self._group.export_tree().bytes

    def commit(self, add: list[bytes], remove: list[int]) -> Commit:
        assert not remove, "it removes by name"
        if add:
            made = self._group.add_members([mls_rs.Message.from_bytes(each) for each in add])
        else:
            made = self._group.commit()
        return self._made(made)

    def remove_by_name(self, name: str) -> Commit:
        """Remove somebody who has said something to this member."""
        return self._made(self._group.remove_members([self._identities[name]]))

    def process(self, message: bytes) -> bytes | None:
        received = self._group.process_incoming_message(mls_rs.Message.from_bytes(message))
        if not received.is_application_message():
            return None
        self._identities[received.data.decode().split()[0]] = received.sender
        return received.data

    def seal(self, payload: bytes) -> bytes:
        return self._group.encrypt_application_message(payload).to_bytes()

    def export(self) -> bytes:
        return self._group.export_secret(LABEL.encode(), b"", 32)

    def _made(self, made: Any) -> Commit:
        welcome = made.welcome_message
        return Commit(
            made.commit_message.to_bytes(),
            welcome.to_bytes() if welcome else None,
            None,
            lambda: self._group.process_incoming_message(made.commit_message),
        )
