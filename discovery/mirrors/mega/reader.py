"""A shared folder at MEGA as readers see it: without an account, over the bounded gateway."""

from collections.abc import Callable
from typing import TypeVar

from clawchat import mega
from clawchat.protocol.errors import PeerError, TooLarge, Unauthentic, Unavailable
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.places import MegaFolder
from discovery.mirrors.base import MirrorError

from .errors import Refused
from .gateway import Gateway

T = TypeVar("T")


class FolderReader:
    """Reads files of one folder by their names."""

    def __init__(self, folder: MegaFolder, gateway: Gateway) -> None:
        self._folder, self._gateway = folder, gateway

    def handle(self) -> str:
        """The handle of the folder itself, which the account knows it by.

        Raises: Refused; MirrorError (needs_operator: the link's key is another folder's).
        """
        return self._ask(mega.listing_request(self._folder), lambda reply: mega.folder_itself(self._folder, reply))[0]

    def nodes(self, name: str) -> list[mega.Node]:
        """The files of this name, newest first; there may be none.

        Raises: Refused; MirrorError.
        """
        return self._ask(mega.listing_request(self._folder), lambda reply: mega.files_named(self._folder, reply, name))

    def read(self, node: mega.Node) -> bytes:
        """What a node says, at most 64 KiB.

        Raises: Refused; MirrorError.
        """
        request = mega.download_request(self._folder, node)
        url, size = self._ask(request, lambda reply: mega.download_url(self._folder, reply))
        if size > CONNECTION_FILE_MAX_BYTES:
            raise MirrorError("What the folder holds is larger than a published file may be.")
        stored = self._gateway.download(url)
        try:
            return mega.decrypt(node, stored)
        except PeerError:
            raise MirrorError("MEGA gives back other bytes than were stored there.") from None

    def _ask(self, request: tuple[str, bytes], understand: Callable[[bytes], T]) -> T:
        def understand_or_say(reply: bytes) -> T:
            try:
                return understand(reply)
            except Unavailable as error:
                raise Refused("f", int(str(error.details["number"]))) from None
            except Unauthentic:
                text = "The link's key does not open the folder; copy the link once more, with its key."
                raise MirrorError(text, needs_operator=True) from None
            except TooLarge:
                text = "The folder holds too much else for readers; delete there what is not the server's."
                raise MirrorError(text, needs_operator=True) from None
            except PeerError:
                text = "What answers in MEGA's place is not MEGA: a proxy or a login page."
                raise MirrorError(text) from None

        return self._gateway.repeat(*request, understand_or_say)
