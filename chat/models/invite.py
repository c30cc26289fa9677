"""An invitation to enrol one device."""

from datetime import datetime

from django.db import models


class InviteQuerySet(models.QuerySet):
    """The questions asked about invites."""

    def open(self, now: datetime) -> "InviteQuerySet":
        """Invites that can still enrol a device: neither spent, cancelled nor expired.

        One that lost its secret when it expired stays so, though the clock was set back meanwhile.
        """
        return self.filter(spent_at=None, cancelled_at=None, expires_at__gt=now, psk_sealed__isnull=False)


class Invite(models.Model):
    """One enrolment's secret, its time and its use. The secret itself is shown once and never again. Spec: 3.2"""

    invite_id = models.BinaryField(max_length=16, unique=True)
    # Null once it is spent, cancelled or expired.
    psk_sealed = models.BinaryField(max_length=128, null=True)
    label = models.CharField(max_length=128, blank=True)
    # The member who enrols with it becomes an owner.
    makes_owner = models.BooleanField(default=False)
    # Null when an operator made it.
    made_by = models.ForeignKey("chat.Device", models.SET_NULL, null=True, blank=True, related_name="invites_made")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    # The device key that enrols with it: from then on it opens for this key only.
    bound_to = models.BinaryField(max_length=32, null=True)
    spent_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    objects = InviteQuerySet.as_manager()

    def __str__(self) -> str:
        return self.label or bytes(self.invite_id).hex()[:8]
