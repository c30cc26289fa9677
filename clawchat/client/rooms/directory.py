"""The people on the server, their names and devices, as the server tells and as their root keys prove.

Spec: 3.14, 4.4
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clawchat.client.store import Store
from clawchat.protocol.credential import LeafIdentity
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import Malformed, PeerError, UsageError
from clawchat.protocol.keys import DevicePublic

from .staging import Ask

STORE = "people"
ROW = b"all"


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that its person's root key has certified."""

    device_id: bytes
    device_public: bytes
    identity: LeafIdentity


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the server. The name is the server's word; ids and devices prove themselves."""

    user_id: bytes
    name: str
    devices: tuple[KnownDevice, ...]


class Directory:
    """What the server told last. It is asked again when somebody is looked for who may have changed since."""

    def __init__(self, store: Store, ask: Ask) -> None:
        self._store, self._ask = store, ask
        self._people: dict[bytes, Person] = {}
        self._is_old = True
        row = store.get(STORE, ROW)
        if row is not None:
            self._learn(parse_cbor(row)["members"])

    @property
    def people(self) -> list[Person]:
        """Everybody as known here, by name."""
        return sorted(self._people.values(), key=lambda person: (person.name, person.user_id))

    def name_of(self, user_id: bytes) -> str:
        """The display name, empty when it is not known here."""
        person = self._people.get(user_id)
        return person.name if person is not None else ""

    def has_changed(self) -> None:
        """The server says that there is news."""
        self._is_old = True

    async def refresh(self) -> None:
        """Ask the server for everybody, when there may be news."""
        if not self._is_old:
            return
        self._is_old = False
        try:
            members: list[dict[str, Any]] = []
            while True:
                after = {"after": members[-1]["user_id"]} if members else {}
                page = await self._ask("directory", **after)
                members += page["members"]
                if not page["more"] or not page["members"]:
                    break
            self._learn(members)
        except (KeyError, TypeError, AttributeError):
            self._is_old = True
            raise Malformed("answer to directory") from None
        except BaseException:
            self._is_old = True
            raise
        self._store.put(STORE, ROW, encode_cbor({"members": members}))

    async def find(self, who: str | bytes) -> Person:
        """The one person with this user id or this display name.

        Raises: usage (nobody, or several people of one name); what the server answers.
        """
        wanted: Callable[[Person], bool] = lambda person: who in (person.user_id, person.name)  # noqa: E731
        found = [person for person in self._people.values() if wanted(person)]
        if not found or self._is_old:
            await self.refresh()
            found = [person for person in self._people.values() if wanted(person)]
        if len(found) != 1:
            name = who.hex() if isinstance(who, bytes) else who
            raise UsageError(f"nobody is called {name}" if not found else f"several people are called {name}")
        return found[0]

    def _learn(self, members: list[dict[str, Any]]) -> None:
        people = {}
        for member in members:
            devices = [_certified(device, member["user_id"]) for device in member["devices"]]
            certified = tuple(device for device in devices if device is not None)
            people[member["user_id"]] = Person(member["user_id"], str(member["name"]), certified)
        self._people = people


def _certified(device: dict[str, Any], user_id: bytes) -> KnownDevice | None:
    """The device, when its person's root key vouches for it; the server's word alone is not enough."""
    try:
        identity = LeafIdentity.parse(device["identity"])
        identity.verify(DevicePublic.from_bytes(device["device_public"]))
    except PeerError:
        return None
    if identity.user_id != user_id or identity.device_id != device["device_id"]:
        return None
    return KnownDevice(identity.device_id, device["device_public"], identity)
