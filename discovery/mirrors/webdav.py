"""A folder on a WebDAV server, such as Nextcloud: written with a password, read by anyone at its public address."""

import base64
import http
from urllib.parse import quote, urlsplit

from clawchat.protocol.places import WebPlace, parse_place
from discovery.public_mirror import PublicMirror
from discovery.services.mirror_secrets import read_secrets
from discovery.web import Request, ask

from .base import MirrorError

TAKEN = {http.HTTPStatus.OK, http.HTTPStatus.CREATED, http.HTTPStatus.NO_CONTENT}
# What the operator has to see to, in the words of the remedy.
REFUSED = {
    http.HTTPStatus.UNAUTHORIZED: "does not take this name and password; enter them again",
    http.HTTPStatus.FORBIDDEN: "does not let this user write there; choose a folder of theirs",
    http.HTTPStatus.NOT_FOUND: "has no such folder; make it, or correct the address",
    http.HTTPStatus.METHOD_NOT_ALLOWED: "is no WebDAV folder; correct the address",
    http.HTTPStatus.CONFLICT: "has no such folder; make it, or correct the address",
    http.HTTPStatus.INSUFFICIENT_STORAGE: "is full; make room there",
}


class WebDav(PublicMirror):
    """PUTs into the folder `options["folder"]` as `options["user"]`; its secret is `password`."""

    def put(self, name: str, data: bytes) -> None:
        """One PUT; a server that asks for another place or for more than a password has not taken it."""
        status = self._send("PUT", name, data)
        host = urlsplit(self._folder()).netloc
        if status in TAKEN:
            return
        if status in REFUSED:
            raise MirrorError(f"{host} {REFUSED[http.HTTPStatus(status)]} ({status}).", needs_operator=True)
        raise MirrorError(f"{host} did not take the file ({status}).")

    def remove(self, name: str) -> None:
        """One DELETE; whether there was anything does not matter."""
        self._send("DELETE", name)

    def check(self) -> str:
        """Says which address is missing, or would carry the password in the clear."""
        if not isinstance(parse_place(self._folder()), WebPlace):
            return "The address of the folder is missing or is not https://; correct it in the admin."
        return super().check()

    def _folder(self) -> str:
        return str(self.mirror.options.get("folder", "")).rstrip("/")

    def _send(self, method: str, name: str, data: bytes | None = None) -> int:
        pair = f"{self.mirror.options.get('user', '')}:{read_secrets(self.mirror).get('password', '')}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "Content-Type": "application/json",
        }
        request = Request(method, f"{self._folder()}/{quote(name)}", body=data, headers=headers)
        return ask(request, self.seconds)[0]
