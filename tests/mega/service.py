"""What the service does: the commands of its JSON interface, on accounts in memory. It opens nothing it is given."""

import os
import threading
import time

from tests.mega.account import Account, Share, new_handle, rsa_key
from tests.mega.codec import b64d, b64e, mpi

ARGUMENTS, AGAIN, NOT_FOUND, ACCESS, SESSION, BLOCKED, QUOTA, TWO_FACTOR = -2, -3, -9, -11, -15, -16, -17, -26
NO_OWNER_KEY = b64e(bytes(16))
SESSION_BYTES = 43


class Refused(Exception):
    """A command is answered with an error number."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Service:
    """The accounts, their sessions and the bytes that were uploaded."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.accounts: dict[str, Account] = {}
        self.sessions: dict[str, Account] = {}
        # What is being uploaded, by its target; what was uploaded, by its token.
        self.uploads: dict[str, dict] = {}
        self.blobs: dict[str, bytes] = {}
        self._anonymous: dict[str, tuple[Account, bytes]] = {}
        self.lock = threading.RLock()

    def run(self, command: dict, sid: str | None, folder: str | None) -> object:
        """The answer to one command: `sid` is the session, `folder` the public handle of a folder that is visited."""
        handler = getattr(self, f"command_{command.get('a')}", None)
        with self.lock:
            try:
                return ARGUMENTS if handler is None else handler(command, sid, folder)
            except Refused as refused:
                return refused.code
            except (KeyError, ValueError, TypeError, IndexError, AttributeError):
                return ARGUMENTS

    def take(self, target: str, offset: int, body: bytes) -> str | None:
        """Store a part of an upload: the token once all is there, empty before, None for an unknown target."""
        with self.lock:
            upload = self.uploads.get(target)
            if upload is None:
                return None
            upload["parts"][offset] = body
            if sum(map(len, upload["parts"].values())) < upload["size"]:
                return ""
            token = new_handle(27)
            self.blobs[token] = b"".join(part for _, part in sorted(upload["parts"].items()))
            return token

    def linked(self, public: str) -> tuple[Account, str]:
        """The account and the node that a public handle names.

        Raises: Refused (-9).
        """
        for account in self.accounts.values():
            for handle, link in account.links.items():
                if link == public and handle in account.nodes:
                    return account, handle
        raise Refused(NOT_FOUND)

    # Sessions

    def command_us0(self, command, sid, folder):
        account = self.accounts.get(command["user"])
        return {"s": b64e(account.salt if account else os.urandom(16)), "v": 2}

    def command_us(self, command, sid, folder):
        if command["user"] in self._anonymous:
            account, challenge = self._anonymous[command["user"]]
            self.sessions[b64e(challenge)] = account
            return {"k": account.sealed_master_key, "tsid": b64e(challenge), "u": account.user}
        account = self.accounts.get(command["user"])
        if account is None or command["uh"] != account.authentication:
            raise Refused(NOT_FOUND)
        if account.blocked:
            raise Refused(BLOCKED)
        if account.two_factor and command.get("mfa") != account.two_factor:
            raise Refused(TWO_FACTOR)
        session = bytes([os.urandom(1)[0] | 1]) + os.urandom(SESSION_BYTES - 1)
        self.sessions[b64e(session)] = account
        public = rsa_key().public_key().public_numbers()
        padded = session + os.urandom(public.n.bit_length() // 8 - 1 - len(session))
        answer = {"k": account.sealed_master_key, "privk": account.sealed_rsa_key, "u": account.user, "ach": 1}
        return {**answer, "csid": b64e(mpi(pow(int.from_bytes(padded, "big"), public.e, public.n)))}

    def command_up(self, command, sid, folder):
        account = Account("", os.urandom(8).hex())
        account.sealed_master_key = command["k"]
        self._anonymous[account.user] = (account, b64d(command["ts"]))
        return account.user

    def command_ug(self, command, sid, folder):
        account = self._account(sid)
        keys = {"k": account.sealed_master_key, "privk": account.sealed_rsa_key}
        return {"u": account.user, "email": account.email, "name": "", "c": 1, **keys}

    def command_uq(self, command, sid, folder):
        account = self._account(sid)
        return {"mstrg": account.quota, "cstrg": account.used(), "mxfer": 0, "utype": 0}

    def command_sml(self, command, sid, folder):
        self.sessions.pop(sid, None)
        return 0

    # The tree

    def command_f(self, command, sid, folder):
        if folder:
            # A session beside a public folder makes the real service refuse.
            if sid:
                raise Refused(BLOCKED)
            return self._public_listing(folder)
        if command.get("p"):
            account, handle = self.linked(command["p"])
            return {"f": [_shown(account.nodes[handle])]}
        account = self._account(sid)
        return {
            "f": [{**_shown(node), "k": _keys_for_owner(account, node)} for node in account.nodes.values()],
            "ok": [{"h": name, "ha": s.authentication, "k": s.owner_key} for name, s in account.shares.items()],
            "s": [{"h": name, "u": "EXP", "r": 0} for name in account.shares],
            "ph": [{"h": name, "ph": public} for name, public in account.links.items()],
            "u": [{"u": account.user, "c": 2, "m": account.email}],
            "sn": new_handle(8),
        }

    def command_p(self, command, sid, folder):
        account = self._account(sid)
        if command["t"] not in account.nodes:
            is_anothers = any(command["t"] in other.nodes for other in self.accounts.values())
            raise Refused(ACCESS if is_anothers else NOT_FOUND)
        made, names = [], {}
        for item in command["n"]:
            node = {"p": command["t"], "t": item["t"], "a": item["a"], "k": item["k"]}
            if item["t"] == 0:
                blob = item.get("h")
                if "ph" in item:
                    owner, handle = self.linked(item["ph"])
                    blob = owner.nodes[handle]["blob"]
                if blob not in self.blobs:
                    raise Refused(NOT_FOUND)
                node |= {"s": len(self.blobs[blob]), "blob": blob}
            node = account.add(node)
            self._replace(account, item.get("ov"), node, keep=command.get("vb", 1))
            names[item.get("h")] = node["h"]
            made.append({**_shown(node), "k": f"{account.user}:{node['k']}"})
        if "cr" in command:
            _add_keys(account, command["cr"], names)
        return {"f": made}

    @staticmethod
    def _replace(account, old, node, keep):
        if old not in account.nodes:
            return
        if account.keeps_versions and keep:
            account.nodes[old]["p"] = node["h"]
        else:
            account.drop(old)

    def command_d(self, command, sid, folder):
        account = self._account(sid)
        self._own(account, command["n"])
        account.drop(command["n"])
        return 0

    def command_m(self, command, sid, folder):
        account = self._account(sid)
        self._own(account, command["t"])
        self._own(account, command["n"])["p"] = command["t"]
        return 0

    def command_a(self, command, sid, folder):
        self._own(self._account(sid), command["n"])["a"] = command.get("attr") or command["at"]
        return 0

    # Sharing

    def command_s2(self, command, sid, folder):
        account = self._account(sid)
        if account.refuses_owner_keys and command["ok"] != NO_OWNER_KEY:
            raise Refused(AGAIN)
        self._own(account, command["n"])
        account.shares[command["n"]] = Share(command["ok"], command["ha"])
        _add_keys(account, command["cr"], {})
        return {"r": [0], "u": []}

    def command_k(self, command, sid, folder):
        _add_keys(self._account(sid), command["cr"], {})
        return 0

    def command_l(self, command, sid, folder):
        account = self._account(sid)
        node = self._own(account, command["n"])
        if command.get("d"):
            account.links.pop(node["h"], None)
            return 0
        if node["t"] == 1 and node["h"] not in account.shares:
            raise Refused(ACCESS)
        return account.links.setdefault(node["h"], new_handle())

    # Bytes

    def command_u(self, command, sid, folder):
        account = self._account(sid)
        if command["s"] + account.used() > account.quota:
            raise Refused(QUOTA)
        target = new_handle(18)
        self.uploads[target] = {"size": command["s"], "as_bytes": command.get("v", 1) >= 2, "parts": {}}
        return {"p": f"{self.origin}/ul/{target}"}

    def command_g(self, command, sid, folder):
        if "p" in command:
            account, handle = self.linked(command["p"])
        elif folder:
            account, top = self.linked(folder)
            handle = command["n"]
            if handle not in account.subtree(top):
                raise Refused(NOT_FOUND)
        else:
            account, handle = self._account(sid), command["n"]
        node = account.nodes.get(handle)
        if node is None or node["t"] != 0:
            raise Refused(NOT_FOUND)
        answer = {"s": node["s"], "at": node["a"], "msd": 0, "tl": 0}
        return {**answer, "g": f"{self.origin}/dl/{node['blob']}"} if command.get("g") else answer

    # Internal

    def _account(self, sid):
        account = self.sessions.get(sid)
        if account is None:
            raise Refused(SESSION)
        if account.blocked:
            raise Refused(BLOCKED)
        return account

    @staticmethod
    def _own(account, handle):
        if handle not in account.nodes:
            raise Refused(NOT_FOUND)
        return account.nodes[handle]

    def _public_listing(self, folder):
        account, top = self.linked(folder)
        keys = account.shares[top].keys if top in account.shares else {}
        nodes = [account.nodes[handle] for handle in account.subtree(top)]
        listed = [{**_shown(node), "k": f"{top}:{keys[node['h']]}" if node["h"] in keys else ""} for node in nodes]
        return {"f": listed, "sn": new_handle(8), "noc": 1, "st": int(time.time())}


def _shown(node: dict) -> dict:
    return {name: value for name, value in node.items() if name != "blob"}


def _keys_for_owner(account: Account, node: dict) -> str:
    """`owner:key/share:key`, the owner's first."""
    if not node["k"]:
        return ""
    shared = [f"{name}:{share.keys[node['h']]}" for name, share in account.shares.items() if node["h"] in share.keys]
    return "/".join([f"{account.user}:{node['k']}", *shared])


def _add_keys(account: Account, given: list, names: dict) -> None:
    """Keep nodes' keys under share keys, as a client gives them: shares, nodes, and triples (share, node, key)."""
    shares, nodes, triples = given
    for at in range(0, len(triples), 3):
        share, node = shares[triples[at]], nodes[triples[at + 1]]
        if share in account.shares:
            account.shares[share].keys[names.get(node, node)] = triples[at + 2]
