"""How a device proves itself at one endpoint: by the pair that follows, by the one in use, or by its invitation.

Spec: 3.2
"""

import ssl
import time
from dataclasses import replace

import aiohttp

from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.keys import IdentityPublic

from .connection import Connection
from .device import Credentials, Device
from .dial import Proven, dial
from .discovery import Finder
from .errors import InvitationRefused


class Entrance:
    """Makes connections under the device's own pair, which it gets by the invitation first."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        finder: Finder,
        device: Device,
        *,
        client_name: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._http = http
        self._finder = finder
        self._device = device
        self._client_name = client_name
        self._tls = tls

    async def enter(self, endpoint: Endpoint, pin: IdentityPublic, proven: Proven) -> Connection:
        """A connection to the server of this identity, made under an own pair; `proven` as in `dial`.

        Raises: as `dial` and `Finder.suites`; unauthentic (no pair opens), invitation_refused.
        """
        own = self._device.credentials
        if own is None:
            await self._enrol(endpoint, proven)
            return await self._open_own(endpoint, self._device.credentials)
        try:
            return await self._open_newest(endpoint, replace(own, server_public=pin), proven)
        except Unauthentic:
            if self._device.invite_credentials is None:
                raise
            # The pair has never worked. An enrolment that was given up may have reached the server late and replaced
            # it; until one works the invite still opens for this key.
            await self._enrol(endpoint, proven)
            return await self._open_own(endpoint, self._device.credentials)

    async def _open_newest(self, endpoint: Endpoint, own: Credentials, proven: Proven) -> Connection:
        """Under the pair that follows, or the one in use when the server does not have that one.

        Another has taken its place then, or the server's rows are those of a backup.
        """
        following = self._device.next_credentials
        if following is None:
            return await self._open_own(endpoint, own, proven)
        seen = _Seen(proven)
        try:
            return await self._open_own(endpoint, replace(following, server_public=own.server_public), seen)
        except Unauthentic:
            # Only our server knows the pair; whoever else is there says nothing of it.
            if not seen.has_proved:
                raise
        connection = await self._open_own(endpoint, own, proven)
        self._device.pair_refused(following.psk_id)
        return connection

    async def _open_own(
        self, endpoint: Endpoint, credentials: Credentials | None, proven: Proven | None = None
    ) -> Connection:
        assert credentials is not None
        connection = await self._open(endpoint, credentials, proven)
        self._device.confirmed(credentials)
        return connection

    async def _open(self, endpoint: Endpoint, credentials: Credentials, proven: Proven | None = None) -> Connection:
        return await dial(
            self._http,
            endpoint,
            credentials,
            client_name=self._client_name,
            suites=self._finder.suites(),
            tls=self._tls,
            refuses_certificate=self._finder.revocations.refuses_certificate,
            proven=proven,
        )

    async def _enrol(self, endpoint: Endpoint, proven: Proven) -> None:
        invited, seen = self._device.invite_credentials, _Seen(proven)
        assert invited is not None
        try:
            connection = await self._open(endpoint, invited, seen)
        except Unauthentic as error:
            # Only our server knows the invitation; whoever else is there says nothing of it.
            if not seen.has_proved:
                raise
            raise InvitationRefused(error.text, error.details) from error
        servers_time = time.time() + connection.handshake.clock_offset_ms / 1000
        self._device.enrolled(connection.exporter, int(servers_time))
        # A session under an invite carries no frame, not even a goodbye (3.13).
        await connection.close(notify=False)


class _Seen:
    """Passes `proven` on, and remembers that the other side has proven to be our server."""

    def __init__(self, proven: Proven) -> None:
        self._proven = proven
        self.has_proved = False

    async def __call__(self) -> None:
        self.has_proved = True
        await self._proven()
