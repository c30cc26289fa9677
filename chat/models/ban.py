"""Who may not knock for a while."""

from datetime import datetime

from django.db import models


class BanQuerySet(models.QuerySet["Ban"]):
    """Bans, by whether they hold."""

    def in_force(self, at: datetime) -> "BanQuerySet":
        """Those that have not run out."""
        return self.filter(until__gt=at)


class Ban(models.Model):
    """An address, or a network, whose new connections to chat ports are reset. Live sessions are not touched."""

    # As `ipaddress` writes it: an IPv4 address, or a network of 16 bits or more; of IPv6 one of 32 to 64 bits.
    network = models.CharField(max_length=64, unique=True)
    since = models.DateTimeField()
    until = models.DateTimeField()
    # One sentence for the operator: what was seen.
    reason = models.CharField(max_length=128)
    # "server", or the operator's name.
    made_by = models.CharField(max_length=64, default="server")

    objects = BanQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["until"])]

    def __str__(self) -> str:
        return self.network
