"""What operators do in the admin, for the audit log: that they came and went, who could not, and what they changed."""

import json
import threading
import time

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.http import HttpRequest

from chat.addresses import network_of
from chat.services import audit

# Addresses that are remembered with their wrong passwords of this minute.
MOST_ADDRESSES = 1000
ACTIONS = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted"}


class FailedLogins:
    """How many of an address's wrong passwords one event stands for: one each, until they are many within a minute.

    Whoever is locked out is answered at once, and could otherwise fill the log.
    """

    def __init__(self) -> None:
        # By address: which minute, how many in it, how many of all are not written yet.
        self._counts: dict[str, tuple[int, int, int]] = {}
        self._lock = threading.Lock()

    def to_write(self, address: str, minute: int) -> int:
        """One more in this minute (a number that grows); for how many an event is to be written now, 0 for none."""
        with self._lock:
            if len(self._counts) >= MOST_ADDRESSES and address not in self._counts:
                self._counts.clear()
            last, seen, waiting = self._counts.get(address, (minute, 0, 0))
            seen, waiting = (seen if last == minute else 0) + 1, waiting + 1
            # The first ten, then ten times as rarely for each ten times as many.
            due = seen % 10 ** (len(str(seen)) - 1) == 0
            self._counts[address] = (minute, seen, 0 if due else waiting)
        return waiting if due else 0


FAILED = FailedLogins()


def listen() -> None:
    """Have the audit log hear of all this. A second call does nothing."""
    user_logged_in.connect(_came, dispatch_uid="chat.operators.came")
    user_logged_out.connect(_went, dispatch_uid="chat.operators.went")
    user_login_failed.connect(_failed, dispatch_uid="chat.operators.failed")
    post_save.connect(_acted, sender=LogEntry, dispatch_uid="chat.operators.acted")


def _came(request: HttpRequest | None, user: object, **_: object) -> None:
    audit.record("admin_login", actor=_name(user), address=_address(request))


def _went(request: HttpRequest | None, user: object, **_: object) -> None:
    if user is not None:
        audit.record("admin_logout", actor=_name(user), address=_address(request))


def _failed(credentials: dict[str, object], request: HttpRequest | None = None, **_: object) -> None:
    """A name that nobody has may be a password in the wrong field: it is not kept."""
    users = get_user_model()
    name = str(credentials.get(users.USERNAME_FIELD, ""))[: users._meta.get_field(users.USERNAME_FIELD).max_length]
    is_known = "\0" not in name and users.objects.filter(**{users.USERNAME_FIELD: name}).exists()
    address = _address(request)
    # Whoever is at home in a network of IPv6 has a new address for each attempt.
    if count := FAILED.to_write(network_of(address), int(time.time() // 60)):
        audit.record("admin_login_failed", actor=name if is_known else "", address=address, count=count)


def _acted(instance: LogEntry, created: bool, **_: object) -> None:
    """Which row, and which of its fields by their labels; never what stands in them."""
    if not created:
        return
    about = f"{instance.content_type.app_label}.{instance.content_type.model} {instance.object_id}"
    facts = {"action": ACTIONS[instance.action_flag], "fields": _fields(instance.change_message)}
    audit.record("admin_action", actor=_name(instance.user), subject=about, **facts)


def _fields(message: str) -> list[str]:
    try:
        said = json.loads(message or "[]")
    except ValueError:
        return []
    return sorted({str(field) for part in said for field in part.get("changed", {}).get("fields", ())})


def _name(user: object) -> str:
    return user.get_username()


def _address(request: HttpRequest | None) -> str:
    # A link-local address names its interface behind a percent sign; that is ours, not the peer's.
    return (request.META.get("REMOTE_ADDR") or "").partition("%")[0] if request is not None else ""
