"""The keys that an operator can change: how each stands, what changing it does, and who has to do what."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from chat.models import Device, DiscoverySecret, ServerIdentity
from chat.services import rekey
from chat.services.connections import connected_count
from chat.services.identity import renew_discovery_secret, successor_row
from chat.services.succession import DEFAULT_OVERLAP, HandoverError, begin_handover, waiting_devices
from clawchat.protocol.fingerprint import fingerprint
from rotation.wording import counted, minute

from .decider import tick

# For who needs them to compare: four of the eight groups.
SHORT = 19
NOBODY = "Nobody has to do anything."


class KeyNotChanged(Exception):
    """Why a key cannot be changed now, and what would do, in a sentence."""


@dataclass(frozen=True)
class Order:
    """Who wants keys changed and why, for how long two identities serve, and who hears how far a long change is."""

    actor: str
    why: str = "renewed by an operator"
    overlap: timedelta = DEFAULT_OVERLAP
    tell: Callable[[str], None] = lambda sentence: None


class KeyKind(ABC):
    """One kind of key; its name is the command's option."""

    name: str
    help: str

    @abstractmethod
    def standing(self) -> str:
        """How it stands, in a line: which one, since when; never the key."""

    def obstacle(self) -> str:
        """Why it cannot be changed now, in a sentence; empty when it can."""
        return ""

    @abstractmethod
    def prospect(self, order: Order) -> str:
        """What changing it does, in a sentence."""

    @abstractmethod
    def change(self, order: Order) -> str:
        """Change it; returns who has to do what, in a sentence or two.

        Raises: KeyNotChanged.
        """


class IdentityKind(KeyKind):
    """Who the server is, to everybody who was ever invited."""

    name = "identity"
    help = "hand over to a new server identity; both serve for the overlap"

    def standing(self) -> str:
        """The fingerprint, and the handover while there is one."""
        row = ServerIdentity.objects.get(state=ServerIdentity.State.ACTIVE)
        line = f"{_short(row)}, made {_day(row.created_at)}"
        follower = successor_row()
        if follower is None:
            return line
        left = waiting_devices(follower).count()
        return (
            f"{line}; hands over to {_short(follower)} until {minute(follower.handover_until)}, "
            f"{left} of {_devices().count()} devices have not come by that one yet"
        )

    def obstacle(self) -> str:
        """An identity hands over once; the next follows when that is over."""
        follower = successor_row()
        if follower is None:
            return ""
        return (
            f"The identity is being handed over already, until {minute(follower.handover_until)}; the next one can "
            "follow after that."
        )

    def prospect(self, order: Order) -> str:
        """A new key beside the old one, for the overlap."""
        return (
            f"A new identity is made and the old one says so to every device; both serve until "
            f"{minute(timezone.now() + order.overlap)}, then the old key is erased."
        )

    def change(self, order: Order) -> str:
        """Begin the handover."""
        try:
            row = begin_handover(order.actor, order.overlap)
        except HandoverError as error:
            raise KeyNotChanged(str(error)) from None
        tick(int(time.time()))
        return (
            f"{NOBODY} Every device that connects until {minute(row.handover_until)} learns the new identity by "
            "itself; one that is away for all that time needs a new invitation then, and its client says so."
        )


class DiscoveryKind(KeyKind):
    """What opens the connection file and the gate."""

    name = "discovery"
    help = "draw a new discovery secret; the ports move at once"

    def standing(self) -> str:
        """Its key id."""
        row = DiscoverySecret.objects.get(current=True)
        return f"{bytes(row.kid).hex()}, made {_day(row.since)}"

    def prospect(self, order: Order) -> str:
        """Everybody gets the new one, and every port moves."""
        return (
            f"A new secret is drawn, given to the {counted(connected_count(), 'device')} connected now and wrapped in "
            "the connection file for the others; the ports move at once, and the old secret opens nothing new."
        )

    def change(self, order: Order) -> str:
        """Renew it and let the ports move."""
        with transaction.atomic():
            renew_discovery_secret(order.why, order.actor)
        tick(int(time.time()))
        return f"{NOBODY} Open invitations go on working, the secret is wrapped for them too."


class SessionsKind(KeyKind):
    """What live connections encrypt with."""

    name = "sessions"
    help = "have every live session make new keys"

    def standing(self) -> str:
        """How many sessions there are."""
        return f"of {counted(connected_count(), 'connected device')}; clients make new ones every hour by themselves"

    def prospect(self, order: Order) -> str:
        """Clients follow within seconds."""
        return "Every live session makes new keys within seconds; one that does not is closed and comes again."

    def change(self, order: Order) -> str:
        """Ask them all."""
        rekey.ask_everybody(order.actor)
        return NOBODY


def _devices():
    return Device.objects.listed()


def _short(row: ServerIdentity) -> str:
    return fingerprint(bytes(row.public))[:SHORT]


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
