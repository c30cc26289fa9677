"""A lease's steps as services take them: each stands in the audit log."""

from datetime import datetime
from typing import Any

from django.db import transaction

from chat.services import audit
from clawchat.protocol.schedule import LeaseEvent
from rotation.models import PortLease


def take_step(lease: PortLease, event: LeaseEvent, at: datetime, **changes: Any) -> bool:
    """Take the step that `event` means, with these changes; False when somebody else has moved the row meanwhile.

    Raises: usage (an event that cannot happen in this state).
    """
    with transaction.atomic():
        if not lease.move(event, at, **changes):
            return False
        why = {"why": changes["problem"]} if changes.get("problem") else {}
        facts = {"port": lease.port, "kind": str(lease.kind), "state": str(lease.state), **why}
        audit.record("port_step", actor="server", subject=lease.node.name, **facts)
    return True
