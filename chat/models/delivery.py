"""What an accepted commit leaves for those who join: Welcomes and the group's public state."""

from django.db import models

from .device import Device
from .room import Room


class Welcome(models.Model):
    """The Welcome of one commit, one for all the devices it added. Spec: 4.5"""

    room = models.ForeignKey(Room, models.CASCADE, related_name="welcomes")
    # Whose commit it came with; null for those that were there before this was noted.
    device = models.ForeignKey(Device, models.PROTECT, null=True, related_name="welcomes")
    # The commit's place in the log: the joiner's first cursor.
    seq = models.BigIntegerField()
    # The epoch the commit led to.
    epoch = models.BigIntegerField()
    digest = models.BinaryField(max_length=32)
    size = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "epoch"], name="chat_one_welcome_per_epoch")]

    def __str__(self) -> str:
        return f"welcome to {self.room}, epoch {self.epoch}"


class WaitingWelcome(models.Model):
    """A device that has not yet said that it stored a Welcome."""

    welcome = models.ForeignKey(Welcome, models.CASCADE, related_name="waiting")
    device = models.ForeignKey(Device, models.CASCADE, related_name="waiting_welcomes")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["welcome", "device"], name="chat_waiting_welcome_once")]

    def __str__(self) -> str:
        return f"{self.welcome} for {self.device}"


class GroupInfo(models.Model):
    """A room's public group state, with its tree; kept while it is the newest or a Welcome of its epoch waits.

    Up to four of one epoch, from different devices: the committer's may be useless.
    """

    room = models.ForeignKey(Room, models.CASCADE, related_name="group_infos")
    device = models.ForeignKey(Device, models.PROTECT, related_name="group_infos")
    seq = models.BigIntegerField()
    # The epoch it describes.
    epoch = models.BigIntegerField()
    digest = models.BinaryField(max_length=32)
    size = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "epoch", "device"], name="chat_one_group_info_per_device")
        ]

    def __str__(self) -> str:
        return f"group info of {self.room}, epoch {self.epoch}"
