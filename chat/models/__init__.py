"""The rows of the chat app, one file per noun."""

from .audit import AuditEvent, AuditHead
from .ban import Ban
from .connection import Connection
from .delivery import GroupInfo, WaitingWelcome, Welcome
from .device import Device
from .discovery_wrap import DiscoveryWrap
from .envelope import Envelope
from .identity import DiscoverySecret, ServerIdentity
from .invite import Invite
from .key_package import KeyPackage
from .member import Member
from .news import News, Revocation
from .policy import ConnectionPolicy
from .room import Membership, Room
from .staging import StagedBlob, StagedChunk

__all__ = [
    "AuditEvent",
    "AuditHead",
    "Ban",
    "Connection",
    "ConnectionPolicy",
    "Device",
    "DiscoverySecret",
    "DiscoveryWrap",
    "Envelope",
    "GroupInfo",
    "Invite",
    "KeyPackage",
    "Member",
    "Membership",
    "News",
    "Revocation",
    "Room",
    "ServerIdentity",
    "StagedBlob",
    "StagedChunk",
    "WaitingWelcome",
    "Welcome",
]
