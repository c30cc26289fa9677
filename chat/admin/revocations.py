"""What is not to be trusted any more: written by revocations, and certificates and former identities by hand."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from chat.models import Revocation, ServerIdentity
from chat.services.revocations import (
    certificate_key,
    entry_id,
    revoke_certificate,
    revoke_identity,
    withdraw_certificate,
)
from clawchat.protocol.errors import Malformed
from clawchat.protocol.revocation_list import REASON_MAX_CHARACTERS

from .base import Entered


class RevocationForm(forms.ModelForm):
    """A certificate or a former identity of this server, and why."""

    certificate = forms.CharField(
        required=False,
        max_length=16_384,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 70, "spellcheck": "false"}),
        help_text="The TLS certificate whose key is in wrong hands, in PEM. Change the server's certificate first.",
    )
    identity = forms.ModelChoiceField(
        ServerIdentity.objects.filter(state=ServerIdentity.State.RETIRED),
        required=False,
        help_text="Or an identity that is not in use. Clients that still trust it drop this server and need an invite.",
    )
    reason = forms.CharField(
        max_length=REASON_MAX_CHARACTERS,
        help_text="Every client may show it.",
        widget=forms.TextInput(attrs={"size": 70}),
    )

    class Meta:
        model = Revocation
        fields: tuple[str, ...] = ()

    field_order = ("certificate", "identity", "reason")

    def clean_certificate(self) -> str:
        """The certificate, when it is one."""
        pem = self.cleaned_data["certificate"]
        try:
            if pem:
                certificate_key(pem)
        except Malformed:
            raise ValidationError("This is no certificate in PEM.") from None
        return pem

    def clean(self) -> None:
        """One of the two."""
        if not self.errors and bool(self.cleaned_data["certificate"]) == bool(self.cleaned_data["identity"]):
            raise ValidationError("Give a certificate or an identity.")


@admin.register(Revocation)
class RevocationAdmin(Entered):
    """What the revocation list says; devices and discovery secrets come onto it by revoking a device."""

    new_form = RevocationForm
    list_display = ["kind", "what", "why", "since"]
    list_filter = ["kind"]
    shown = ("what",)
    actions = ["withdraw"]
    ordering = ["-id"]

    @admin.display(description="id in the list")
    def what(self, revocation: Revocation) -> str:
        """By which id the list names it."""
        return entry_id(revocation).hex()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators may revoke certificates and former identities."""
        return request.user.has_perm("chat.add_revocation")

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        """Whoever may revoke a certificate may take that back."""
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: Revocation, form: RevocationForm, change: bool) -> None:
        """Through the service, so that the audit log hears of it; the list is published with the next pass."""
        chosen, actor = form.cleaned_data, request.user.get_username()
        if chosen["certificate"]:
            row = revoke_certificate(chosen["certificate"], chosen["reason"], actor)
        else:
            row = revoke_identity(chosen["identity"], chosen["reason"], actor)
        obj.pk, obj.kind, obj.subject = row.pk, row.kind, row.subject

    @admin.action(description="Take certificates off the list", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Revocation]) -> None:
        """Certificates only: everything else stays revoked."""
        withdrawn = sum(withdraw_certificate(row, request.user.get_username()) for row in queryset)
        self.message_user(request, f"{withdrawn} taken off the list.", messages.SUCCESS)
