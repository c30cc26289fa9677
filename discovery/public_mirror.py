"""What mirrors share that are written one way and read another: anyone gets their objects at a public address."""

from clawchat.protocol.places import WebPlace, parse_place
from discovery.mirrors.base import FILE_NAME, MirrorDriver, MirrorError
from discovery.web import Request, fetch


class PublicMirror(MirrorDriver):
    """A mirror that is read at `options["public"]`, the address of its connection.json, as any reader would.

    So what is read back is what readers get: not what the storage believes, nor what it shows to those who log in.
    """

    def get(self, name: str) -> bytes:
        """What anyone gets at the public address, without a password."""
        place = self._place()
        if place is None:
            raise MirrorError(self.check(), needs_operator=True)
        return fetch(Request("GET", place.url if name == FILE_NAME else place.beside(name)), self.seconds)

    def public_locations(self) -> tuple[str, ...]:
        """The public address."""
        place = self._place()
        return (place.url,) if place else ()

    def check(self) -> str:
        """Says so when readers could not ask at the public address."""
        if self._place() is not None:
            return ""
        return f"The public address of {FILE_NAME} is missing or is not https://; correct it in the admin."

    def _place(self) -> WebPlace | None:
        place = parse_place(str(self.mirror.options.get("public", "")))
        return place if isinstance(place, WebPlace) else None
