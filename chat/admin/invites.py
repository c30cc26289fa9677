"""Invites: made here, shown once."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from chat.models import Invite
from chat.services.identity import ensure_server
from chat.services.invites import IssuedInvite, cancel_invite, create_invite
from clawchat.protocol.errors import PeerError
from clawchat.protocol.limits import INVITE_DEFAULT_SECONDS

from .base import LookedAt, short

LIFETIMES = [(3600, "an hour"), (INVITE_DEFAULT_SECONDS, "a day"), (3 * 86_400, "three days"), (604_800, "a week")]


class InviteForm(forms.Form):
    """Whom an invite is for and how long it holds."""

    label = forms.CharField(max_length=128, required=False, help_text="Who it is for; shown here only.")
    lifetime = forms.TypedChoiceField(coerce=int, choices=LIFETIMES, initial=INVITE_DEFAULT_SECONDS)
    makes_owner = forms.BooleanField(required=False, help_text="Who enrols with it may revoke anybody's devices.")


@admin.register(Invite)
class InviteAdmin(LookedAt):
    """Invites: for whom, until when, and whether somebody came."""

    list_display = ["invite", "label", "state", "expires_at", "made_by", "makes_owner", "created_at"]
    list_filter = ["makes_owner"]
    list_select_related = ["made_by"]
    search_fields = ["label"]
    shown = ("invite", "state")
    actions = ["cancel"]
    ordering = ["-id"]

    @admin.display(description="invite id")
    def invite(self, invite: Invite) -> str:
        """The id, shortened."""
        return short(invite.invite_id)

    @admin.display(description="state")
    def state(self, invite: Invite) -> str:
        """What became of it."""
        if invite.spent_at:
            return "used"
        if invite.cancelled_at:
            return "cancelled"
        if invite.expires_at <= timezone.now():
            return "expired"
        return "enrolling" if invite.bound_to else "open"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators make invites, by a page of their own."""
        return request.user.has_perm("chat.add_invite")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whoever may make invites may take them back."""
        return self.has_add_permission(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """Ask for whom; then show the secret, in this one answer and nowhere else."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = InviteForm(request.POST or None)
        context = {**self.admin_site.each_context(request), "title": "Make an invite", "form": form, "opts": self.opts}
        if request.method == "POST" and form.is_valid():
            ensure_server()
            try:
                context["issued"] = _make(request, **form.cleaned_data)
            except PeerError as refusal:
                form.add_error(None, f"No invite was made: {refusal.text}.")
        response = TemplateResponse(request, "admin/chat/invite/make.html", context)
        add_never_cache_headers(response)
        return response

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Invite]) -> None:
        """Make open invites worthless."""
        actor = request.user.get_username()
        cancelled = sum(cancel_invite(bytes(invite.invite_id), actor) for invite in queryset)
        self.message_user(request, f"{cancelled} cancelled.", messages.SUCCESS)


def _make(request: HttpRequest, label: str, lifetime: int, makes_owner: bool) -> IssuedInvite:
    """Raises: malformed (label); limit."""
    return create_invite(label, lifetime, makes_owner=makes_owner, actor=request.user.get_username())
