"""UPnP Internet Gateway Devices, through async-upnp-client."""

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout
from async_upnp_client.client import UpnpRequester, UpnpService
from async_upnp_client.client_factory import UpnpFactory
from async_upnp_client.const import HttpRequest, HttpResponse
from async_upnp_client.exceptions import UpnpActionError, UpnpCommunicationError, UpnpError
from async_upnp_client.search import SsdpSearchListener

from .addresses import address_of_router
from .gateway import default_gateway, own_address
from .router import NoAnswer, Refused, RouterError, Taken

GATEWAYS = tuple(f"urn:schemas-upnp-org:device:InternetGatewayDevice:{version}" for version in (1, 2))
# A device may think for so long before it answers to a search; what it then says of itself may take longer.
SEARCH_SECONDS, FIND_SECONDS = 2, 6
CALL_SECONDS = 4
# What a table of ports may hold at most before we stop reading on.
MOST_ENTRIES = 500
# Of one answer, and of the reason for a no that is shown to the operator.
MOST_BYTES, MOST_REASON = 1 << 20, 80
# Codes of the IGD specification.
NO_SUCH_ENTRY, CONFLICT, ONLY_FOR_GOOD = 714, 718, 725


class Upnp:
    """A gateway device's service that lets ports in to `own` under the description `name`."""

    name = "UPnP"

    def __init__(self, service: UpnpService, own: str, name: str) -> None:
        self._service, self._own, self._description = service, own, name

    @classmethod
    async def find(cls, name: str) -> "Upnp":
        """The first gateway device that answers and knows how to let ports in.

        Raises: NoAnswer.
        """
        own = own_address((default_gateway(), 1900))
        if own is None:
            raise NoAnswer("This machine has no way to its router.")
        try:
            async with asyncio.timeout(FIND_SECONDS):
                services = await _search(own)
                return await cls._connected([cls(service, own, name) for service in services])
        except TimeoutError:
            raise NoAnswer("No router answers to UPnP.") from None

    @staticmethod
    async def _connected(routers: "list[Upnp]") -> "Upnp":
        """The one that has an address: a device may have a service for each way out, and not all of them in use."""
        for router in routers[:-1]:
            with contextlib.suppress(RouterError):
                await router.external_address()
                return router
        return routers[-1]

    async def external_address(self) -> str:
        """Its address on the other side."""
        try:
            answer = await self._ask("GetExternalIPAddress")
        except UpnpActionError as error:
            raise _refusal(error) from None
        return address_of_router(str(answer.get("NewExternalIPAddress") or ""))

    async def map(self, port: int, seconds: int) -> int:
        """Let the port in; for good where the router knows no other way."""
        try:
            await self._add(port, seconds)
        except UpnpActionError as error:
            if error.error_code == CONFLICT:
                raise Taken(f"The router lets somebody else in by port {port}.") from None
            if error.error_code != ONLY_FOR_GOOD:
                raise _refusal(error) from None
        else:
            return seconds
        try:
            await self._add(port, 0)
        except UpnpActionError as error:
            raise _refusal(error) from None
        return 0

    async def unmap(self, port: int) -> None:
        """Let it in no more."""
        try:
            await self._ask("DeletePortMapping", NewRemoteHost="", NewExternalPort=port, NewProtocol="TCP")
        except UpnpActionError as error:
            if error.error_code != NO_SUCH_ENTRY:
                raise _refusal(error) from None

    async def has_forgotten(self, port: int) -> bool:
        """Whether it has no such entry any more, or one for somebody else."""
        try:
            entry = await self._ask(
                "GetSpecificPortMappingEntry", NewRemoteHost="", NewExternalPort=port, NewProtocol="TCP"
            )
        except UpnpActionError as error:
            if error.error_code == NO_SUCH_ENTRY:
                return True
            raise _refusal(error) from None
        return not self._is_ours(entry)

    async def leftovers(self) -> set[int]:
        """The ports of its table that lead to us under our description."""
        ports = set()
        for index in range(MOST_ENTRIES):
            try:
                entry = await self._ask("GetGenericPortMappingEntry", NewPortMappingIndex=index)
            except UpnpActionError:
                # Past the end of the table, in the words of this router.
                break
            if self._is_ours(entry) and entry.get("NewPortMappingDescription") == self._description:
                ports.add(int(entry["NewExternalPort"]))
        return ports

    def _is_ours(self, entry: Any) -> bool:
        return str(entry.get("NewInternalClient")) == self._own and entry.get("NewProtocol", "TCP") == "TCP"

    async def _add(self, port: int, seconds: int) -> None:
        await self._ask(
            "AddPortMapping",
            NewRemoteHost="",
            NewExternalPort=port,
            NewProtocol="TCP",
            NewInternalPort=port,
            NewInternalClient=self._own,
            NewEnabled=True,
            NewPortMappingDescription=self._description,
            NewLeaseDuration=seconds,
        )

    async def _ask(self, action: str, **arguments: Any) -> Any:
        """What the router says to that.

        Raises: UpnpActionError (it says no), NoAnswer, Refused (it does not know the question).
        """
        if not self._service.has_action(action):
            raise Refused(f"The router does not know {action}.")
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._service.action(action).async_call(**arguments)
        except UpnpActionError:
            raise
        except (UpnpError, ClientError, OSError):
            # TimeoutError is an OSError.
            raise NoAnswer("The router does not answer to UPnP any more.") from None


def _refusal(error: UpnpActionError) -> Refused:
    reason = "".join(filter(str.isprintable, error.error_desc or ""))[:MOST_REASON]
    return Refused(f"The router refuses: {reason or 'it does not say why'} ({error.error_code}).")


class _Requester(UpnpRequester):
    """Asks the device and nobody to whom it would send us on, and reads no more than it can have to say."""

    async def async_http_request(self, http_request: HttpRequest) -> HttpResponse:
        """The answer. Raises: UpnpCommunicationError."""
        timeout = ClientTimeout(total=CALL_SECONDS)
        headers = {**(http_request.headers or {}), "Accept-Encoding": "identity"}
        body = bytearray()
        try:
            async with (
                ClientSession(timeout=timeout, auto_decompress=False) as http,
                http.request(
                    http_request.method,
                    http_request.url,
                    headers=headers,
                    data=http_request.body,
                    allow_redirects=False,
                ) as answer,
            ):
                async for piece in answer.content.iter_any():
                    body += piece
                    if len(body) > MOST_BYTES:
                        raise UpnpCommunicationError("an answer without an end")
                return HttpResponse(answer.status, answer.headers, body.decode("utf-8", "replace"))
        except (TimeoutError, ClientError, ValueError) as error:
            raise UpnpCommunicationError(repr(error)) from error


async def _search(own: str) -> list[UpnpService]:
    """The services that let ports in, of the first device that has one. Runs until it is found."""
    answers: asyncio.Queue[Any] = asyncio.Queue()
    listeners = [
        SsdpSearchListener(callback=answers.put_nowait, source=(own, 0), timeout=SEARCH_SECONDS, search_target=target)
        for target in GATEWAYS
    ]
    try:
        for listener in listeners:
            await listener.async_start()
            listener.async_search()
        seen = set()
        while True:
            location = _location_of(await answers.get())
            if location is not None and location not in seen:
                seen.add(location)
                if services := await _services_at(location):
                    return services
    except OSError as error:
        raise NoAnswer(f"Routers cannot be asked by UPnP: {error.strerror}.") from None
    finally:
        for listener in listeners:
            listener.async_stop()


def _location_of(answer: Any) -> str | None:
    """Where the device describes itself: on itself. Whoever sends us to a third machine is not believed."""
    location = answer.get("location") or ""
    sender = answer.get("_remote_addr") or ("",)
    try:
        place = urlsplit(location)
        return location if place.scheme == "http" and place.hostname == sender[0] else None
    except ValueError:
        return None


async def _services_at(location: str) -> list[UpnpService]:
    """What of the device that describes itself there lets ports in."""
    # Descriptions of real routers are seldom by the book.
    factory = UpnpFactory(_Requester(), non_strict=True)
    try:
        device = await factory.async_create_device(location)
    except (UpnpError, ClientError, TimeoutError, ValueError):
        # ValueError: an XML file with entities in it.
        return []
    return [service for service in device.all_services if service.has_action("AddPortMapping")]
