"""Publishes into a folder that is shared as a link, in an account at MEGA."""

import time
from typing import TYPE_CHECKING, Any

from clawchat.protocol.places import MegaFolder, parse_place
from discovery.mirrors.base import MirrorDriver, MirrorError
from discovery.services.mirror_secrets import read_secrets

from .errors import NO_SESSION, NOT_FOUND, Refused
from .gateway import Gateway, Patience
from .library import LibraryMissing, import_mega
from .reader import FolderReader
from .session import keep

if TYPE_CHECKING:
    from .visit import Visit


class MegaMirror(MirrorDriver):
    """Writes as the account `options["email"]` with the secret `password` into the folder of the secret `link`.

    The secret `two_factor_code` is used for the next login and then forgotten; `session` is what session.py keeps.
    """

    seconds = 120.0
    patience = Patience()

    def put(self, name: str, data: bytes) -> None:
        """Two calls and an upload with a session that lasts; a login before it, with its work, when there is none."""
        visit = self._visit()
        visit.begin()
        try:
            visit.publish(name, data)
        except Refused as error:
            if error.number == NO_SESSION and not visit.is_fresh:
                visit.log_in()
            elif (error.command, error.number) == ("p", NOT_FOUND):
                # The folder or the node was replaced by somebody, or by a run whose end we did not see.
                visit.forget_nodes()
            else:
                raise
            visit.publish(name, data)

    def get(self, name: str) -> bytes:
        """The newest node of this name, read through the link without the account."""
        folder = self._folder()
        reader = FolderReader(folder, self._gateway(folder))
        nodes = reader.nodes(name)
        if not nodes:
            raise MirrorError(f"The folder at {folder.host} holds no {name}.")
        if len(nodes) > 1:
            keep(self.mirror, {"nodes": {name: [node.handle for node in nodes]}})
        return reader.read(nodes[0])

    def remove(self, name: str) -> None:
        """Delete all nodes of this name."""
        visit = self._visit()
        visit.begin()
        visit.remove(name)

    def live_report(self) -> list[str]:
        """What is not known of the service, asked of it with this account: see live.py."""
        problem = self.check()
        if problem:
            return [problem]
        from .live import Trial

        secrets = read_secrets(self.mirror)
        account = str(self.mirror.options["email"]), str(secrets["password"]), str(secrets.get("two_factor_code", ""))
        return Trial(self._gateway(self._folder()), self._folder(), account).report()

    def public_locations(self) -> tuple[str, ...]:
        """The link, with the key that opens what lies in the folder; that is sealed all the same."""
        try:
            link = _link(read_secrets(self.mirror))
        except MirrorError:
            return ()
        return (link,) if isinstance(parse_place(link), MegaFolder) else ()

    def check(self) -> str:
        """Says what is missing: the library, the link, the account."""
        try:
            import_mega()
            secrets = read_secrets(self.mirror)
        except (LibraryMissing, MirrorError) as error:
            return str(error)
        if not isinstance(parse_place(_link(secrets)), MegaFolder):
            return "The folder's link is missing or is none; copy it from MEGA with its key: https://mega.nz/folder/...#..."
        if not self.mirror.options.get("email") or not secrets.get("password"):
            return "The account's e-mail address or its password is missing; enter both in the admin."
        return ""

    def _visit(self) -> "Visit":
        problem = self.check()
        if problem:
            raise MirrorError(problem, needs_operator=True)
        from .visit import Visit

        folder = self._folder()
        return Visit(self.mirror, folder, self._gateway(folder))

    def _folder(self) -> MegaFolder:
        place = parse_place(_link(read_secrets(self.mirror)))
        if not isinstance(place, MegaFolder):
            raise MirrorError(self.check(), needs_operator=True)
        return place

    def _gateway(self, folder: MegaFolder) -> Gateway:
        # A little less than was promised, for what is not waiting.
        return Gateway(folder, time.monotonic() + self.seconds * 0.95, self.patience)


def _link(secrets: dict[str, Any]) -> str:
    return str(secrets.get("link", "")).strip()
