"""Rooms as the server knows them: epochs, sizes and times."""

from datetime import datetime

from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Length
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from chat.models import (
    Envelope,
    File,
    FileChunk,
    GroupInfo,
    Membership,
    Room,
    StagedBlob,
    StagedChunk,
    WaitingWelcome,
    Welcome,
)

from .base import LookedAt, instant, short


@admin.register(Room)
class RoomAdmin(LookedAt):
    """Rooms: how many devices, which epoch, how long a log, what its files take. Their names are known to their members
    only."""

    list_display = ["room", "devices", "epoch", "head", "files_take", "pruned_through", "created_at"]
    shown = ("room", "devices", "files_take")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        """With the number of members and the bytes of the files."""
        current = Count("memberships", filter=Q(memberships__left_seq=None))
        files = File.objects.filter(room=OuterRef("pk")).values("room").annotate(size=Sum("size")).values("size")
        rooms = super().get_queryset(request).annotate(device_count=current)
        return rooms.annotate(file_bytes=Coalesce(Subquery(files), 0))

    @admin.display(description="room id")
    def room(self, room: Room) -> str:
        """The id, shortened."""
        return short(room.room_id)

    @admin.display(description="devices", ordering="device_count")
    def devices(self, room: Room) -> int:
        """How many devices are in it."""
        return room.device_count

    @admin.display(description="files", ordering="file_bytes")
    def files_take(self, room: Room) -> str:
        """How much room its files take, those included that are still coming."""
        return filesizeformat(room.file_bytes) if room.file_bytes else "-"


@admin.register(Membership)
class MembershipAdmin(LookedAt):
    """Which device is and was in which room."""

    list_display = ["room", "device", "joined_seq", "left_seq"]
    list_select_related = ["room", "device"]


@admin.register(Envelope)
class EnvelopeAdmin(LookedAt):
    """Rows of the room logs: their size and when they came. What they say, the server does not know."""

    list_display = ["room", "seq", "kind", "epoch", "sender", "size", "stored_at"]
    list_filter = ["kind"]
    list_select_related = ["room", "sender"]
    ordering = ["-id"]
    shown = ("size", "stored_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Envelope]:
        """Without the bytes, with their number."""
        return super().get_queryset(request).defer("ciphertext").annotate(byte_count=Length("ciphertext"))

    @admin.display(description="bytes", ordering="byte_count")
    def size(self, envelope: Envelope) -> int:
        """How large it is."""
        return envelope.byte_count

    @admin.display(description="stored", ordering="stored_ms")
    def stored_at(self, envelope: Envelope) -> datetime:
        """When it came."""
        return instant(envelope.stored_ms)


class WithoutBody(LookedAt):
    """Rows whose bytes are not even loaded."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Without the bytes."""
        return super().get_queryset(request).defer("body")


@admin.register(Welcome)
class WelcomeAdmin(WithoutBody):
    """Welcomes that wait for those who were added."""

    list_display = ["room", "epoch", "size"]
    list_select_related = ["room"]


@admin.register(GroupInfo)
class GroupInfoAdmin(WithoutBody):
    """Public states of the rooms' groups."""

    list_display = ["room", "epoch", "device", "size"]
    list_select_related = ["room", "device"]


@admin.register(WaitingWelcome)
class WaitingWelcomeAdmin(LookedAt):
    """Devices that have not fetched their Welcome."""

    list_display = ["device", "welcome"]
    list_select_related = ["device", "welcome__room"]


@admin.register(StagedBlob)
class StagedBlobAdmin(LookedAt):
    """Large objects on their way in."""

    list_display = ["device", "size", "have", "touched_at"]
    list_select_related = ["device"]


@admin.register(StagedChunk)
class StagedChunkAdmin(WithoutBody):
    """Their pieces."""

    list_display = ["blob", "offset"]
    list_select_related = ["blob"]


@admin.register(File)
class FileAdmin(LookedAt):
    """Files: whose, for which room, how large and when. Their names, types and contents the server does not know."""

    list_display = ["room", "device", "takes", "created_at", "completed_at"]
    list_select_related = ["room", "device"]
    ordering = ["-id"]
    shown = ("takes",)

    @admin.display(description="size", ordering="size")
    def takes(self, file: File) -> str:
        """How much room it takes."""
        return filesizeformat(file.size)


@admin.register(FileChunk)
class FileChunkAdmin(WithoutBody):
    """Their pieces."""

    list_display = ["file", "index"]
    list_select_related = ["file"]
