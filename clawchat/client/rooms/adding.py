"""Finding a way to add people: key packages for their certified devices.

Spec: 3.14, 4.5, 4.10
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

from clawchat.mls.codec import Reader
from clawchat.mls.framing import MLSMessage
from clawchat.mls.key_package import KeyPackage
from clawchat.mls.rules import Rules
from clawchat.mls.suite import CipherSuite
from clawchat.protocol.errors import ClawChatError, PeerError

from .directory import KnownDevice, Person
from .staging import Ask

logger = logging.getLogger(__name__)

# The server hands out packages for this many devices at once. Spec: 3.14
TAKE_AT_ONCE = 16
# Somebody who enrolled a moment ago is in the directory before their first key package is at the server.
PATIENCE_SECONDS = 4.0
ASK_AGAIN_SECONDS = 0.5


class NoPackage(ClawChatError):
    """A person has no device that can be added: none has left a usable key package at the server."""

    code = "no_package"


async def packages_for(ask: Ask, people: Sequence[Person], suite: CipherSuite, rules: Rules) -> dict[bytes, KeyPackage]:
    """A key package for each device of these people, by device id; devices without one are left out.

    Each is checked for what an Add must be, dates included: nobody checks them later.
    Raises: no_package (one of the people has no device that can be added); what the server answers.
    """
    devices = [device for person in people for device in person.devices]
    packages: dict[bytes, KeyPackage] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        missing = [device for device in devices if device.device_id not in packages]
        for at in range(0, len(missing), TAKE_AT_ONCE):
            wanted = {device.device_id: device for device in missing[at : at + TAKE_AT_ONCE]}
            answer = await ask("packages.take", devices=list(wanted))
            packages |= _usable(answer["packages"], wanted, suite, rules)
        unreachable = [person for person in people if not _has_one(person.devices, packages)]
        if not unreachable:
            return packages
        if time.monotonic() >= deadline:
            raise NoPackage(f"{', '.join(person.name for person in unreachable)} cannot be added yet")
        await asyncio.sleep(ASK_AGAIN_SECONDS)


def _has_one(devices: Iterable[KnownDevice], packages: dict[bytes, KeyPackage]) -> bool:
    return any(device.device_id in packages for device in devices)


def _usable(
    given: list[dict[str, bytes]], wanted: dict[bytes, KnownDevice], suite: CipherSuite, rules: Rules
) -> dict[bytes, KeyPackage]:
    found = {}
    for each in given:
        device = wanted.get(each["device"])
        package = _checked(each["package"], device, suite, rules) if device is not None else None
        if package is not None:
            found[each["device"]] = package
    return found


def _checked(data: bytes, device: KnownDevice, suite: CipherSuite, rules: Rules) -> KeyPackage | None:
    """The package, when it is this device's and all that trust asks holds now."""
    now = int(time.time())
    try:
        message = MLSMessage.parse(data)
        reader = Reader(message.body)
        package = KeyPackage.read(reader)
        reader.end()
        package.verify(suite)
        rules.check_key_package(package)
    except PeerError as error:
        logger.info("a key package is of no use: %s", error)
        return None
    leaf, identity = package.leaf_node, device.identity
    if (leaf.signature_key, leaf.credential.identity) != (device.device_public, identity.encode()):
        return None
    lifetime = leaf.lifetime
    is_now = lifetime is not None and lifetime.not_before <= now <= lifetime.not_after
    return package if is_now and identity.not_before <= now <= identity.not_after else None
