"""Alerts: what needs a look, what was done about it, and whether it got through."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from chat.models import Alert, AlertTelling
from chat.services import habits

from .base import Long


@admin.register(Alert)
class AlertAdmin(Long):
    """What the server wants its operator to know of; it ends each one by itself."""

    list_display = ["text", "remedy", "severity", "state", "count", "opened_at", "last_at", "seen_by"]
    list_filter = ["kind", "severity", ("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["subject", "text"]
    actions = ["mark_seen", "learn_anew"]
    ordering = ["-last_at"]

    @admin.display(description="state", ordering="closed_at")
    def state(self, alert: Alert) -> str:
        """Whether it is over."""
        return "over" if alert.closed_at else "goes on"

    def has_answer_permission(self, request: HttpRequest) -> bool:
        """Who may do something about alerts, while nobody edits them."""
        return request.user.has_perm("chat.change_alert")

    @admin.action(description="I have seen them", permissions=["answer"])
    def mark_seen(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Write down who has seen the alerts first."""
        rows = list(queryset.filter(seen_by=""))
        name = request.user.get_username()
        Alert.objects.filter(pk__in=[row.pk for row in rows], seen_by="").update(seen_by=name)
        for row in rows:
            self.log_change(request, row, [{"changed": {"fields": ["seen by"]}}])
        self.message_user(request, f"{len(rows)} marked as seen by {name}.", messages.SUCCESS)

    @admin.action(description="This is usual: learn anew", permissions=["answer"])
    def learn_anew(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Forget what was usual for the chosen devices, or the server; what they do now is learnt in its place."""
        rows = list(queryset.filter(kind=habits.KIND))
        for row in rows:
            habits.forget(row.subject)
            self.log_change(request, row, [{"changed": {"fields": ["what is usual"]}}])
        if rows:
            said = f"{len(rows)} learnt anew: for half an hour nothing of theirs is called unusual."
            self.message_user(request, said, messages.SUCCESS)
        else:
            self.message_user(request, "Only for alerts of the kind unusual something was learnt.", messages.WARNING)


@admin.register(AlertTelling)
class AlertTellingAdmin(Long):
    """What was told where: told, waiting, tried again, or given up, and why."""

    list_display = ["alert", "channel", "state", "heard", "heard_at", "attempts", "next_attempt_at", "detail"]
    list_filter = ["state", "channel"]
    list_select_related = ["alert", "channel"]
    ordering = ["-id"]
