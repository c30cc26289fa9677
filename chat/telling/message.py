"""What a channel says of an alert: as a mail, as JSON, as a line for Slack."""

import json
from dataclasses import dataclass

from django.conf import settings

from chat.models import Alert

BEGINNINGS = {"open": "", "over": "Over: ", "test": "A test: "}


@dataclass(frozen=True, slots=True)
class Message:
    """An alert and what is new about it: open (it goes on), over, or test."""

    alert: Alert
    news: str

    @property
    def subject(self) -> str:
        """One line, with the server's name."""
        return _one_line(f"[{settings.CLAWCHAT_SERVER_NAME}] {BEGINNINGS[self.news]}{self.alert.text}")[:150]

    @property
    def text(self) -> str:
        """A few short lines: what, since when, what to do, where to look."""
        alert = self.alert
        lines = [f"{BEGINNINGS[self.news]}{alert.text}"]
        if self.news == "open" and alert.remedy:
            lines.append(f"What to do: {alert.remedy}")
        lines.append(self._when())
        if self.page:
            lines.append(self.page)
        return "\n\n".join(lines)

    @property
    def page(self) -> str:
        """Where the alert stands in the admin; empty when there is no such page."""
        if not settings.CLAWCHAT_ADMIN_URL or self.alert.pk is None:
            return ""
        return f"{settings.CLAWCHAT_ADMIN_URL}chat/alert/{self.alert.pk}/change/"

    def as_json(self) -> bytes:
        """For a webhook; instants are ISO 8601 in UTC."""
        alert = self.alert
        facts = {
            "server": settings.CLAWCHAT_SERVER_NAME,
            "news": self.news,
            "alert": alert.pk,
            "kind": alert.kind,
            "subject": alert.subject,
            "severity": alert.severity,
            "text": alert.text,
            "remedy": alert.remedy,
            "facts": alert.facts,
            "count": alert.count,
            "opened_at": alert.opened_at.isoformat(),
            "last_at": alert.last_at.isoformat(),
            "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
        }
        return json.dumps(facts).encode()

    def as_slack(self) -> bytes:
        """For an incoming webhook of Slack; what would be markup there is written out."""
        text = self.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return json.dumps({"text": f"*{settings.CLAWCHAT_SERVER_NAME}*\n{text}"}).encode()

    def _when(self) -> str:
        alert = self.alert
        began = f"{alert.opened_at:%Y-%m-%d %H:%M} UTC"
        if self.news == "over" and alert.closed_at:
            return f"From {began} to {alert.closed_at:%Y-%m-%d %H:%M} UTC, seen {_times(alert.count)}."
        return f"Since {began}, seen {_times(alert.count)}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _one_line(text: str) -> str:
    """Names are other people's: a line break in one would begin another header."""
    return " ".join(text.split())
