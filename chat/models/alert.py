"""What an operator should know of, and where he is told."""

from django.db import models


class Alert(models.Model):
    """One thing that needs a look, from when it began to when it was over; told once, however often it is seen."""

    class Severity(models.TextChoices):
        """How soon somebody should look."""

        NOTICE = "notice", "good to know"
        WARNING = "warning", "look at it today"
        URGENT = "urgent", "look at it now"

    # What kind of thing: scan, flood, unusual, resources, mirror, port, node, audit, certificate, key.
    kind = models.CharField(max_length=32)
    # What it is about: an address or a network, a device's id in hex, a node's or mirror's name.
    subject = models.CharField(max_length=64, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    # One sentence each: what, how much against what is usual; and what to do.
    text = models.CharField(max_length=300)
    remedy = models.CharField(max_length=300, blank=True)
    # The figures behind the sentence.
    facts = models.JSONField(default=dict, blank=True)
    count = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    # Null while it goes on.
    closed_at = models.DateTimeField(null=True, blank=True)
    # Which operator has seen it; empty while nobody has.
    seen_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=models.Q(closed_at=None), name="chat_one_open_alert"
            )
        ]
        indexes = [models.Index(fields=["last_at"], name="chat_alert_last")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


class AlertChannel(models.Model):
    """Where alerts are told."""

    class Kind(models.TextChoices):
        """How."""

        MAIL = "mail", "mail"
        WEBHOOK = "webhook", "webhook"
        SLACK = "slack", "Slack"

    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    # What its kind needs to be told, none of it secret: addresses of mail, hosts.
    options = models.JSONField(default=dict, blank=True)
    # The rest: a JSON map of passwords and secret web addresses, sealed under the master key; null while there is none.
    secrets_sealed = models.BinaryField(null=True, editable=False)
    enabled = models.BooleanField(default=True)
    # What is less urgent is not told here.
    least = models.CharField(max_length=8, choices=Alert.Severity.choices, default=Alert.Severity.WARNING)
    # One sentence on what went wrong last; empty while all is well.
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    told_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.name


class AlertTelling(models.Model):
    """One alert on its way to one channel. Moving `next_attempt_at` forward is how a worker claims the attempt."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", "waiting"
        TOLD = "told", "told"
        FAILED = "failed", "failed, to be tried again"
        GIVEN_UP = "given up", "given up"

    class Heard(models.TextChoices):
        """What the channel was told last."""

        NOTHING = "", "nothing yet"
        OPEN = "open", "that it goes on"
        OVER = "over", "that it is over"

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="tellings")
    channel = models.ForeignKey(AlertChannel, models.CASCADE, related_name="tellings")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    heard = models.CharField(max_length=4, choices=Heard.choices, default=Heard.NOTHING, blank=True)
    heard_at = models.DateTimeField(null=True)
    # One sentence on what went wrong; empty when nothing did.
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "channel"], name="chat_told_once")]
        indexes = [models.Index(fields=["state", "next_attempt_at"], name="chat_telling_due")]

    def __str__(self) -> str:
        return f"{self.alert} to {self.channel}: {self.state}"
