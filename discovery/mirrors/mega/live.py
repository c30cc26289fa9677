"""`checkmirrors --live`: what documents do not say of MEGA, tried out with a real account and taken away again."""

import time
from dataclasses import replace

from clawchat.protocol.places import MegaFolder
from clawchat.protocol.primitives import random_bytes
from discovery.mirrors.base import MirrorError

from .account import MegaAccount
from .gateway import Gateway
from .reader import FolderReader

FOLDER, FILE = "clawchat trial", "trial"


class Trial:
    """A login, a folder of its own that is shared and written, and its end. `account`: e-mail, password, code."""

    def __init__(self, gateway: Gateway, folder: MegaFolder, account: tuple[str, str, str]) -> None:
        self._gateway, self._folder = gateway, folder
        self._email, self._password, code = account
        self._account = MegaAccount(gateway, code)

    def report(self) -> list[str]:
        """One line for each question, whatever the answer is."""
        lines: list[str] = []
        try:
            lines.append(self._logged_in())
            handle, key = self._account.make_folder(FOLDER)
        except MirrorError as error:
            return [*lines, f"no further: {error}"]
        try:
            public, share_key = self._account.share(handle, key)
            lines.append("sharing a folder without an owner's key: accepted")
            lines.append(self._written(handle, replace(self._folder, handle=public, key=share_key)))
        except MirrorError as error:
            lines.append(f"sharing a folder without an owner's key: {error} Share folders in the web client.")
        return [*lines, self._removed(handle)]

    def _logged_in(self) -> str:
        begun = time.monotonic()
        self._account.log_in(self._email, self._password)
        easiness = self._gateway.challenge.split(":")[1] if self._gateway.challenge else ""
        work = f"proof of work of easiness {easiness}" if easiness else "no proof of work"
        return f"login: {time.monotonic() - begun:.1f} s, {work}"

    def _written(self, handle: str, folder: MegaFolder) -> str:
        """Put a file, replace it, and read it through the link."""
        reader = FolderReader(folder, self._gateway)
        begun = time.monotonic()
        try:
            first = self._account.put_file(handle, folder.key, FILE, random_bytes(4096), [])
            data = random_bytes(4096)
            self._account.put_file(handle, folder.key, FILE, data, [first])
            nodes = reader.nodes(FILE)
            if not nodes or reader.read(nodes[0]) != data:
                return "a file put into it and replaced: what the link gives is not what was put"
        except MirrorError as error:
            return f"a file put into it and replaced: {error}"
        seconds = time.monotonic() - begun
        return f"a file put into it and replaced: read through the link, {len(nodes)} left of 2, {seconds:.1f} s"

    def _removed(self, handle: str) -> str:
        try:
            self._account.remove(handle)
        except MirrorError as error:
            return f"taking the folder away: {error} Delete {FOLDER} in the web client."
        return "taking the folder away: done"
