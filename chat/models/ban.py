"""Who may not knock for a while."""

from datetime import datetime

from django.db import models


class BanQuerySet(models.QuerySet["Ban"]):
    """Bans, by whether they hold."""

    def in_force(self, at: datetime) -> "BanQuerySet":
        """Those that have not run out."""
        return self.filter(until__gt=at)


class Ban(models.Model):
    """An address, or an IPv6 prefix, whose new connections to chat ports are reset. Live sessions are not touched."""

    # An IPv4 address, or an IPv6 network of 64 bits, as `ipaddress` writes it.
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
