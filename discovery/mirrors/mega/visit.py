"""One visit of the account: goes on with the session that is kept, or logs in, and puts files into the folder."""

import time
from typing import Any

from clawchat.protocol.places import MegaFolder
from discovery.mirrors.base import MirrorError
from discovery.models import Mirror
from discovery.services.mirror_secrets import read_secrets

from .account import MegaAccount
from .gateway import Gateway
from .reader import FolderReader
from .session import forget_code, keep, merged

# An account that nobody logs in to for months is deleted, and whether a kept session counts is not known.
LOGIN_EVERY_SECONDS = 7 * 86_400
# When such a login fails, the session that there is goes on, and so much later it is tried again.
NEXT_TRY_SECONDS = 86_400


class Visit:
    """`is_fresh` says that the session was begun in this visit."""

    def __init__(self, mirror: Mirror, folder: MegaFolder, gateway: Gateway) -> None:
        self._mirror, self._folder = mirror, folder
        self._secrets = read_secrets(mirror)
        self._reader = FolderReader(folder, gateway)
        self._account = MegaAccount(gateway, str(self._secrets.get("two_factor_code", "")))
        self._session: dict[str, Any] = dict(self._secrets.get("session", {}))
        self.is_fresh = False

    def begin(self) -> None:
        """Go on with the session that is kept, log in when there is none, and now and then all the same.

        Raises: Refused; MirrorError.
        """
        is_ours = self._session.get("email") == self._email()
        if not is_ours or not self._account.resume(self._session):
            self.log_in()
        elif not 0 < self._session.get("login_due", 0) - time.time() <= LOGIN_EVERY_SECONDS:
            # Written before the try, whose proof of work may take all the time there is.
            self._remember({"login_due": int(time.time()) + NEXT_TRY_SECONDS})
            try:
                self.log_in()
            except MirrorError:
                self._account.resume(self._session)

    def log_in(self) -> None:
        """Begin a new session, and keep it at once: what comes after may fail, and logins are dear.

        Raises: Refused; MirrorError.
        """
        if self._secrets.pop("two_factor_code", ""):
            forget_code(self._mirror)
        self._account.log_in(self._email(), str(self._secrets["password"]))
        self.is_fresh = True
        due = int(time.time()) + LOGIN_EVERY_SECONDS
        self._remember({**self._account.session(), "email": self._email(), "login_due": due})

    def publish(self, name: str, data: bytes) -> None:
        """Put the file in place of all nodes of its name.

        Raises: Refused; MirrorError.
        """
        if self._session.get("link") != self._folder.handle:
            self.forget_nodes()
        if not self._session.get("folder"):
            self._remember({"link": self._folder.handle, "folder": self._reader.handle()})
        nodes = self._session["nodes"].get(name)
        if nodes is None:
            nodes = [node.handle for node in self._reader.nodes(name)]
        made = self._account.put_file(self._session["folder"], self._folder.key, name, data, nodes)
        self._remember({"nodes": {name: [made]}})

    def remove(self, name: str) -> None:
        """Delete all nodes of this name.

        Raises: Refused; MirrorError.
        """
        for node in self._reader.nodes(name):
            self._account.remove(node.handle)
        self._remember({"nodes": {name: []}})

    def forget_nodes(self) -> None:
        """Ask for the folder and its nodes anew."""
        self._remember({"folder": "", "nodes": None})

    def _email(self) -> str:
        return str(self._mirror.options["email"]).strip()

    def _remember(self, news: dict[str, Any]) -> None:
        self._session = merged(self._session, news)
        keep(self._mirror, news)
