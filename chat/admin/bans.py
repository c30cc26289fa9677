"""Bans: made by the server or here, lifted here."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from chat.models import Ban
from chat.services.bans import NotBanned, ban, check_bannable, lift, parse_network
from chat.services.policy import current_policy

from .base import Entered

MOST_MINUTES = 365 * 24 * 60


class BanForm(forms.ModelForm):
    """Who is not to knock any more, for how long, and why."""

    # Not the model's own field: a ban that there is already is changed.
    network = forms.CharField(
        max_length=64,
        help_text="An address, or a network such as 192.0.2.0/24. Of an IPv6 address, its network of 64 bits.",
    )
    minutes = forms.IntegerField(min_value=1, max_value=MOST_MINUTES, initial=lambda: current_policy().ban_minutes)

    # Where the operator comes from; empty when nobody knows.
    own_address = ""

    class Meta:
        model = Ban
        fields = ["reason"]

    field_order = ["network", "minutes", "reason"]

    def clean_network(self) -> str:
        """The network, when it may be banned."""
        try:
            network = parse_network(self.cleaned_data["network"])
            check_bannable(network, own_address=self.own_address)
        except NotBanned as refusal:
            raise ValidationError(str(refusal)) from None
        return network


@admin.register(Ban)
class BanAdmin(Entered):
    """Whose new connections to chat ports are reset, until when, and why; live sessions go on."""

    new_form = BanForm
    list_display = ["network", "since", "until", "in_force", "reason", "made_by"]
    search_fields = ["network", "reason"]
    actions = ["lift"]
    ordering = ["-until"]

    @admin.display(boolean=True)
    def in_force(self, row: Ban) -> bool:
        """Whether it holds."""
        return row.until > timezone.now()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators may ban."""
        return request.user.has_perm("chat.add_ban")

    def has_lift_permission(self, request: HttpRequest) -> bool:
        """Whoever may ban may take it back."""
        return self.has_add_permission(request)

    def get_form(
        self, request: HttpRequest, obj: Ban | None = None, change: bool = False, **kwargs: object
    ) -> type[forms.ModelForm]:
        """The form for a new one, which knows where this operator comes from."""
        if obj:
            return super().get_form(request, obj, change, **kwargs)
        return type("OwnBanForm", (BanForm,), {"own_address": request.META.get("REMOTE_ADDR", "")})

    def save_model(self, request: HttpRequest, obj: Ban, form: BanForm, change: bool) -> None:
        """Through the service, so that the audit log and every server process hear of it."""
        chosen = form.cleaned_data
        row = ban(chosen["network"], chosen["minutes"], chosen["reason"], actor=request.user.get_username())
        obj.pk, obj.network = row.pk, row.network

    @admin.action(description="Lift", permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Ban]) -> None:
        """Let them knock again."""
        lifted = sum(lift(row.network, request.user.get_username()) for row in queryset)
        self.message_user(request, f"{lifted} lifted.", messages.SUCCESS)
