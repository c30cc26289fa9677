"""The limits: the one page that is edited as a whole. Each group says what it is for, each field its unit."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from chat.models import ConnectionPolicy
from chat.services.policy import change_policy, check_country_rule
from chat.services.rekey import ask_everybody

GROUPS: list[tuple[str, str, list[str]]] = [
    (
        "How many may be here",
        "Who comes when it is full is told so, and when to try again. Who is in stays in.",
        ["max_devices", "max_sessions_per_device", "max_sessions_per_address", "ipv6_prefix_bits"],
    ),
    (
        "How fast one device may be",
        "A burst is what may come at once after a rest; after that the rate holds. Nothing that is refused is lost.",
        [
            *("messages_per_second", "message_burst", "requests_per_second", "request_burst"),
            *("bytes_per_second", "byte_burst", "packages_per_minute"),
        ],
    ),
    (
        "How fast everybody behind one address may be",
        "For households and networks that share an address. This machine and trusted proxies are exempt.",
        [
            *("address_messages_per_second", "address_message_burst", "address_requests_per_second"),
            *("address_request_burst", "address_bytes_per_second", "address_byte_burst"),
        ],
    ),
    (
        "Sizes",
        "One message, one file, and all that one device may have stored here.",
        ["max_message_bytes", "max_file_bytes", "max_stored_bytes_per_device"],
    ),
    (
        "Strangers",
        "Whoever knocks and is not in yet: how often, how many at once, and for how long.",
        [
            *("handshakes_per_minute", "handshake_burst", "handshakes_per_second", "max_sockets", "max_strangers"),
            *("max_strangers_per_address", "stranger_seconds"),
        ],
    ),
    (
        "Bans and countries",
        "Scanners are banned for a while by themselves. Countries need a file of addresses that you supply.",
        ["ban_after_touches", "ban_minutes", "country_rule", "countries", "unknown_countries_may_come"],
    ),
    (
        "How long things are kept",
        "In days. 0 keeps them.",
        ["retention_days", "audit_retention_days", "address_retention_days"],
    ),
    (
        "Keys",
        "New keys come by themselves and nobody notices. Lower numbers mean that a stolen key opens less.",
        [
            *("discovery_secret_days", "identity_days", "rekey_after_seconds", "rekey_after_bytes"),
            *("rekey_after_frames", "keys_end_after_seconds", "keys_end_after_bytes", "keys_end_after_frames"),
        ],
    ),
    (
        "Alerts",
        "When something counts as unusual or too full.",
        ["alert_spreads", "alert_cpu_percent", "alert_memory_percent", "alert_disk_percent"],
    ),
]
# What a field's own name does not say.
HELP = {
    "max_devices": "Devices with a live session.",
    "max_sessions_per_device": "A move to the next port needs two.",
    "max_sessions_per_address": "This machine and trusted proxies are exempt.",
    "ipv6_prefix_bits": "IPv6 addresses that share so many bits count as one; 64 is a household.",
    "bytes_per_second": "Bytes that one device sends, and of files that it fetches.",
    "packages_per_minute": "Key packages that one device may take, to add others to rooms.",
    "max_message_bytes": "Of one message in a room, at most 131,072.",
    "max_file_bytes": "Of one file, at most 1,073,741,824. It is stored with up to half as much padding.",
    "max_stored_bytes_per_device": "Bytes of messages and files that one device may have sent and that are still kept.",
    "handshakes_per_minute": "From one address.",
    "handshakes_per_second": "In all, of one server process.",
    "max_sockets": "Of one server process, strangers included.",
    "max_strangers": "Of one server process.",
    "stranger_seconds": "How long somebody may take to show who he is.",
    "ban_after_touches": "Touches of tripwires and wrong knocks within ten minutes; 0 bans nobody.",
    "countries": "Two-letter codes with spaces between, such as: nl de fr.",
    "unknown_countries_may_come": "Whether addresses that the file does not know may come.",
    "retention_days": "Messages and files; what was fetched stays on people's devices.",
    "audit_retention_days": "Audit events; what is left still proves that nothing was changed.",
    "address_retention_days": "Addresses in the audit log and in ended connections.",
    "discovery_secret_days": "After so many days a new discovery secret is made; 0 never.",
    "identity_days": "After so many days a new identity is made, and the old one hands over; 0 never.",
    "rekey_after_seconds": "New session keys after so long, or after so many bytes or frames.",
    "keys_end_after_seconds": "A session whose keys are this old ends.",
    "alert_spreads": "How many times the usual spread above the usual is unusual; lower means more alerts.",
}


class PolicyForm(forms.ModelForm):
    """The limits, with a sentence where the name does not say it all."""

    class Meta:
        model = ConnectionPolicy
        fields = [name for _, _, names in GROUPS for name in names]
        help_texts = HELP

    # Where the operator comes from, so that no rule shuts out its own maker; empty when nobody knows.
    own_address = ""

    def full_clean(self) -> None:
        """Name what is wrong at the top, too: the page is long."""
        super().full_clean()
        if wrong := [str(self.fields[name].label) for name in self.errors if name in self.fields]:
            self.add_error(None, f"Nothing was saved yet. Look at: {', '.join(wrong)}.")

    def clean(self) -> dict[str, Any]:
        """The limits, when their rule of countries can be in force."""
        cleaned = super().clean()
        if {"country_rule", "countries", "unknown_countries_may_come"} & set(self.changed_data):
            check_country_rule(ConnectionPolicy(**{**cleaned, "id": 1}), self.own_address)
        return cleaned


@admin.register(ConnectionPolicy)
class ConnectionPolicyAdmin(ModelAdmin):
    """The limits, edited here and in force within a second."""

    form = PolicyForm
    fieldsets = [(title, {"description": told, "fields": names}) for title, told, names in GROUPS]
    list_display = ["__str__", "max_devices", "messages_per_second", "max_message_bytes", "retention_days"]
    actions = ["make_new_session_keys"]
    warn_unsaved_form = True

    def get_form(
        self, request: HttpRequest, obj: ConnectionPolicy | None = None, change: bool = False, **kwargs: object
    ) -> type[forms.ModelForm]:
        """The form, which knows where this operator comes from."""
        form = super().get_form(request, obj, change, **kwargs)
        form.own_address = request.META.get("REMOTE_ADDR", "")
        return form

    def save_model(self, request: HttpRequest, obj: ConnectionPolicy, form: forms.ModelForm, change: bool) -> None:
        """Through the service, so that the audit log and every server process hear of it."""
        limits = {name: form.cleaned_data[name] for name in form.changed_data}
        change_policy(request.user.get_username(), **limits)

    def response_change(self, request: HttpRequest, obj: ConnectionPolicy) -> HttpResponse:
        """Stay on the page: there is only this one."""
        self.message_user(request, "Saved; in force within a second on every node.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:chat_connectionpolicy_change", args=[1]))

    @admin.action(description="Make new session keys for everybody", permissions=["change"])
    def make_new_session_keys(self, request: HttpRequest, queryset: QuerySet[ConnectionPolicy]) -> None:
        """Ask every session of every server process for new keys."""
        ask_everybody(request.user.get_username())
        self.message_user(request, "Every session is asked; within seconds it has new keys.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one, made by the server."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ConnectionPolicy | None = None) -> bool:
        """There is always one."""
        return False
