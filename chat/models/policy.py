"""The limits that operators edit."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from clawchat.protocol.limits import (
    FILE_MAX_BYTES,
    HARD_LIMIT_BYTES,
    HARD_LIMIT_FRAMES,
    HARD_LIMIT_SECONDS,
    SOFT_LIMIT_BYTES,
    SOFT_LIMIT_FRAMES,
    SOFT_LIMIT_SECONDS,
)

from .country import parse_countries

AT_LEAST_ONE = [MinValueValidator(1)]
MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30


class CountryRule(models.TextChoices):
    """What the list of countries means."""

    OFF = "off", "everybody may come"
    ALLOW = "allow", "only these countries may come"
    DENY = "deny", "everybody but these countries may come"


# Instants so far away that the calendar ends before them stop whatever reckons with them.
MOST_DAYS, MOST_BAN_MINUTES = 36_500, 365 * 24 * 60
LARGEST = {
    "ban_minutes": MOST_BAN_MINUTES,
    **dict.fromkeys(["retention_days", "audit_retention_days", "address_retention_days"], MOST_DAYS),
    **dict.fromkeys(["discovery_secret_days", "identity_days"], MOST_DAYS),
}


class ConnectionPolicy(models.Model):
    """The one row of limits; server processes read it again within a second of a change."""

    # Always 1: there is one policy.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    # Devices with a live session; a second session of the same device does not count.
    max_devices = models.PositiveIntegerField(default=100, validators=AT_LEAST_ONE)
    # Live sessions of one device (a move needs two), and of one address. Here and below loopback and trusted proxies
    # are exempt from what counts by address; an IPv6 address counts with the others of its prefix of so many bits.
    max_sessions_per_device = models.PositiveIntegerField(default=2, validators=[MinValueValidator(2)])
    max_sessions_per_address = models.PositiveIntegerField(default=100, validators=AT_LEAST_ONE)
    ipv6_prefix_bits = models.PositiveSmallIntegerField(
        default=64, validators=[MinValueValidator(32), MaxValueValidator(128)]
    )
    # New handshakes: per address and minute with a burst (loopback is exempt), and per process and second.
    handshakes_per_minute = models.PositiveIntegerField(default=10, validators=AT_LEAST_ONE)
    handshake_burst = models.PositiveIntegerField(default=20, validators=AT_LEAST_ONE)
    handshakes_per_second = models.PositiveIntegerField(default=300, validators=AT_LEAST_ONE)
    # Messages and requests of one device: sustained rate and burst.
    messages_per_second = models.PositiveIntegerField(default=200, validators=AT_LEAST_ONE)
    message_burst = models.PositiveIntegerField(default=1000, validators=AT_LEAST_ONE)
    requests_per_second = models.PositiveIntegerField(default=50, validators=AT_LEAST_ONE)
    request_burst = models.PositiveIntegerField(default=500, validators=AT_LEAST_ONE)
    # Bytes of one device's frames, in, and of files that are handed out to it: sustained rate and burst.
    bytes_per_second = models.PositiveBigIntegerField(default=4 * MEBIBYTE, validators=[MinValueValidator(1024)])
    byte_burst = models.PositiveBigIntegerField(default=64 * MEBIBYTE, validators=[MinValueValidator(MEBIBYTE)])
    # The same three, of all devices behind one address.
    address_messages_per_second = models.PositiveIntegerField(default=1000, validators=AT_LEAST_ONE)
    address_message_burst = models.PositiveIntegerField(default=5000, validators=AT_LEAST_ONE)
    address_requests_per_second = models.PositiveIntegerField(default=250, validators=AT_LEAST_ONE)
    address_request_burst = models.PositiveIntegerField(default=2500, validators=AT_LEAST_ONE)
    address_bytes_per_second = models.PositiveBigIntegerField(
        default=16 * MEBIBYTE, validators=[MinValueValidator(1024)]
    )
    address_byte_burst = models.PositiveBigIntegerField(
        default=256 * MEBIBYTE, validators=[MinValueValidator(MEBIBYTE)]
    )
    # Bytes of the rooms' logs and of files that one device may have sent; what was pruned counts no more.
    max_stored_bytes_per_device = models.PositiveBigIntegerField(
        default=GIBIBYTE, validators=[MinValueValidator(MEBIBYTE)]
    )
    # Key packages that one device may take in a minute, with a burst of four minutes' worth.
    packages_per_minute = models.PositiveIntegerField(default=300, validators=AT_LEAST_ONE)
    # Bytes of one message in a room.
    max_message_bytes = models.PositiveIntegerField(
        default=131_072, validators=[MinValueValidator(1024), MaxValueValidator(131_072)]
    )
    # Bytes of one file before it is sealed; whoever seals it rounds its size up.
    max_file_bytes = models.PositiveBigIntegerField(
        default=25 * MEBIBYTE, validators=[MinValueValidator(4096), MaxValueValidator(FILE_MAX_BYTES)]
    )
    # Sockets on the chat ports of one server process: in all, and those that are no session yet, in all and of one
    # address (loopback apart); and how many seconds one may take to become a session.
    max_sockets = models.PositiveIntegerField(default=4000, validators=AT_LEAST_ONE)
    max_strangers = models.PositiveIntegerField(default=500, validators=AT_LEAST_ONE)
    max_strangers_per_address = models.PositiveIntegerField(default=50, validators=AT_LEAST_ONE)
    stranger_seconds = models.PositiveIntegerField(default=10, validators=[*AT_LEAST_ONE, MaxValueValidator(60)])
    # Touches of tripwires and wrong knocks within ten minutes after which an address is banned, and for how long; 0
    # bans nobody.
    ban_after_touches = models.PositiveIntegerField(default=10)
    ban_minutes = models.PositiveIntegerField(default=60, validators=AT_LEAST_ONE)
    # By the operator's file (CLAWCHAT_GEOIP_FILE): two-letter codes with spaces between, and what is done with
    # addresses that the file does not know.
    country_rule = models.CharField(max_length=5, choices=CountryRule.choices, default=CountryRule.OFF)
    countries = models.CharField(max_length=1000, blank=True)
    unknown_countries_may_come = models.BooleanField(default=True)
    # What one epoch of a session's keys may carry before new ones are made, and at most. Spec: 3.6
    rekey_after_seconds = models.PositiveIntegerField(
        default=SOFT_LIMIT_SECONDS, validators=[MinValueValidator(20), MaxValueValidator(SOFT_LIMIT_SECONDS)]
    )
    rekey_after_bytes = models.PositiveBigIntegerField(
        default=SOFT_LIMIT_BYTES, validators=[MinValueValidator(4096), MaxValueValidator(SOFT_LIMIT_BYTES)]
    )
    rekey_after_frames = models.PositiveBigIntegerField(
        default=SOFT_LIMIT_FRAMES, validators=[MinValueValidator(16), MaxValueValidator(SOFT_LIMIT_FRAMES)]
    )
    keys_end_after_seconds = models.PositiveIntegerField(
        default=HARD_LIMIT_SECONDS, validators=[MinValueValidator(60), MaxValueValidator(HARD_LIMIT_SECONDS)]
    )
    keys_end_after_bytes = models.PositiveBigIntegerField(
        default=HARD_LIMIT_BYTES, validators=[MinValueValidator(1 << 20), MaxValueValidator(HARD_LIMIT_BYTES)]
    )
    keys_end_after_frames = models.PositiveBigIntegerField(
        default=HARD_LIMIT_FRAMES, validators=[MinValueValidator(64), MaxValueValidator(HARD_LIMIT_FRAMES)]
    )
    # Days after which `prunemessages` removes rows of the log, and files; 0 keeps them.
    retention_days = models.PositiveIntegerField(default=90)
    # Days after which audit events leave the log at a signed checkpoint, and after which addresses are erased from
    # audit events and ended connections; 0 keeps them.
    audit_retention_days = models.PositiveIntegerField(default=365)
    address_retention_days = models.PositiveIntegerField(default=30)
    # Days after which a new discovery secret and a new identity are made without anybody's asking; 0 never.
    discovery_secret_days = models.PositiveIntegerField(default=30)
    identity_days = models.PositiveIntegerField(default=365)
    # Alerts: how many times the usual spread above the usual is unusual, and how full is too full, in percent.
    alert_spreads = models.PositiveSmallIntegerField(default=8, validators=[MinValueValidator(3)])
    alert_cpu_percent = models.PositiveSmallIntegerField(default=90, validators=[*AT_LEAST_ONE, MaxValueValidator(100)])
    alert_memory_percent = models.PositiveSmallIntegerField(
        default=90, validators=[*AT_LEAST_ONE, MaxValueValidator(100)]
    )
    alert_disk_percent = models.PositiveSmallIntegerField(
        default=90, validators=[*AT_LEAST_ONE, MaxValueValidator(100)]
    )

    class Meta:
        verbose_name_plural = "connection policy"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="chat_one_policy")]

    def __str__(self) -> str:
        return "connection policy"

    def clean(self) -> None:
        """Write the countries in one way.

        Raises: ValidationError (one that there is not; none at all that may come; a time beyond the calendar).
        """
        far = {name: most for name, most in LARGEST.items() if (getattr(self, name) or 0) > most}
        if far:
            raise ValidationError({name: f"At most {most:,}." for name, most in far.items()})
        try:
            codes = parse_countries(self.countries)
        except ValidationError as error:
            raise ValidationError({"countries": error.messages}) from None
        if self.country_rule == CountryRule.ALLOW and not codes:
            raise ValidationError({"countries": "Name at least one country, or nobody could come."})
        self.countries = " ".join(codes)
