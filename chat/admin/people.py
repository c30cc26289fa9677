"""Members, devices and their connections."""

from django.contrib import admin, messages
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from chat.models import Connection, Device, KeyPackage, Member
from chat.services.connections import connected_by_suite
from chat.services.devices import leaves_no_owner, revoke
from clawchat.protocol.fingerprint import fingerprint

from .base import Long, LookedAt, short


@admin.register(Member)
class MemberAdmin(LookedAt):
    """People: what they call themselves and how many devices they have."""

    list_display = ["name", "user", "is_owner", "devices_in_use", "created_at"]
    list_filter = ["is_owner"]
    search_fields = ["name"]
    shown = ("user", "root_fingerprint")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        """With the devices that are in use, asked for at once for a whole page."""
        devices = Prefetch("devices", Device.objects.current(), to_attr="devices_now")
        return super().get_queryset(request).prefetch_related(devices)

    @admin.display(description="user id")
    def user(self, member: Member) -> str:
        """The id, shortened."""
        return short(member.user_id)

    @admin.display(description="fingerprint of the root key")
    def root_fingerprint(self, member: Member) -> str:
        """For people to compare."""
        return fingerprint(member.root_public)

    @admin.display(description="devices")
    def devices_in_use(self, member: Member) -> int:
        """How many are not revoked."""
        return len(member.devices_now)


@admin.register(Device)
class DeviceAdmin(LookedAt):
    """Devices: whose they are, when they were seen, and the button that shuts one out."""

    list_display = ["device", "member", "kind", "revoked_at", "last_seen_at", "last_suite", "client_name"]
    list_filter = ["kind", "revoked_at"]
    list_select_related = ["member"]
    search_fields = ["member__name", "client_name"]
    shown = ("device", "key_fingerprint", "has_own_secret", "last_suite")
    actions = ["revoke_devices"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        """With the suite of each one's newest connection."""
        newest = Connection.objects.filter(device=OuterRef("pk")).order_by("-pk")
        return super().get_queryset(request).annotate(newest_suite=Subquery(newest.values("suite")[:1]))

    @admin.display(description="last suite")
    def last_suite(self, device: Device) -> str:
        """What the keys of its newest connection were agreed by; a dash where that is not known any more."""
        return Connection.Suite(device.newest_suite).label if device.newest_suite else "-"

    @admin.display(description="device id")
    def device(self, device: Device) -> str:
        """The id, shortened."""
        return short(device.device_id)

    @admin.display(description="fingerprint of the key")
    def key_fingerprint(self, device: Device) -> str:
        """For people to compare."""
        return fingerprint(device.public)

    @admin.display(description="enrolment finished", boolean=True)
    def has_own_secret(self, device: Device) -> bool:
        """Whether it has connected under its own secret."""
        return device.psk_id is not None

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change devices may revoke them."""
        return request.user.has_perm("chat.change_device")

    @admin.action(description="Revoke: shut these devices out for good", permissions=["revoke"])
    def revoke_devices(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
        """Ask once more, then revoke."""
        devices = list(queryset.current().select_related("member"))
        if "confirmed" not in request.POST:
            context = {
                **self.admin_site.each_context(request),
                "title": "Revoke devices",
                "devices": devices,
                "leaves_no_owner": leaves_no_owner([device.pk for device in devices]),
            }
            return TemplateResponse(request, "admin/chat/device/revoke.html", context)
        actor = request.user.get_username()
        revoked = sum(revoke(bytes(device.device_id), "revoked in the admin", actor) for device in devices)
        self.message_user(request, f"{revoked} revoked; their connections close within a second.", messages.SUCCESS)
        return None


@admin.register(Connection)
class ConnectionAdmin(Long):
    """Who is and was connected, and how many devices are by which suite."""

    list_display = ["device", "address", "port", "suite", "opened_at", "closed_at", "why", "bytes_in", "bytes_out"]
    list_filter = ["suite", "closed_at", "why"]
    list_before_template = "admin/chat/connection/suites.html"
    list_select_related = ["device"]
    search_fields = ["address"]
    ordering = ["-id"]

    def changelist_view(self, request: HttpRequest, extra_context: dict | None = None) -> TemplateResponse:
        """The list, with the count of connected devices by suite above it."""
        return super().changelist_view(request, {**(extra_context or {}), "suites": connected_by_suite()})


@admin.register(KeyPackage)
class KeyPackageAdmin(Long):
    """What devices left for others to add them with."""

    list_display = ["device", "last_resort", "created_at", "claimed_at"]
    list_filter = ["last_resort"]
    list_select_related = ["device"]
