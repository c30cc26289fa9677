"""The rows of the chat app, one file per noun."""

from .alert import Alert, AlertChannel, AlertTelling
from .audit import AuditCheckpoint, AuditEvent, AuditHead
from .ban import Ban
from .connection import Connection
from .delivery import GroupInfo, WaitingWelcome, Welcome
from .device import Device
from .discovery_wrap import DiscoveryWrap
from .envelope import Envelope
from .file import File, FileChunk
from .habit import Habit
from .identity import DiscoverySecret, ServerIdentity
from .invite import Invite
from .key_package import KeyPackage
from .member import Member
from .news import News, Revocation
from .policy import ConnectionPolicy, CountryRule
from .room import Membership, Room
from .staging import StagedBlob, StagedChunk
from .tally import Tally

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertTelling",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "Ban",
    "Connection",
    "ConnectionPolicy",
    "CountryRule",
    "Device",
    "DiscoverySecret",
    "DiscoveryWrap",
    "Envelope",
    "File",
    "FileChunk",
    "GroupInfo",
    "Habit",
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
    "Tally",
    "WaitingWelcome",
    "Welcome",
]
