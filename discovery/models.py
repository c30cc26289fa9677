"""What was published, where it should be, and where it is."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import models


class MirrorQuerySet(models.QuerySet["Mirror"]):
    """Mirrors, by what an operator or a publication asks of them."""

    def enabled(self) -> "MirrorQuerySet":
        """Those that take publications, in a fixed order."""
        return self.filter(enabled=True).order_by("pk")


class Mirror(models.Model):
    """A place that readers fetch the connection file from. Which driver puts it there is `kind`."""

    class State(models.TextChoices):
        """How the last visit went."""

        UNKNOWN = "unknown", "not tried yet"
        WELL = "well", "holds what was put there"
        FAILING = "failing", "does not take or give back the file"
        # Trying again does not help: a password, a full account, a wrong address.
        ATTENTION = "attention", "needs the operator"
        # It gave something that is not ours, or is older than what was put there.
        SUSPECT = "suspect", "gives back what was not put there"

    # A name of discovery.mirrors.DRIVERS.
    kind = models.CharField(max_length=32)
    # What its kind needs to be told, none of it secret: addresses, folders, names.
    options = models.JSONField(default=dict, blank=True)
    # The rest: a JSON map of passwords, keys and sessions, sealed under the master key; null while there is none.
    secrets_sealed = models.BinaryField(null=True, editable=False)
    name = models.CharField(max_length=64, unique=True)
    # A disabled mirror is left alone: nothing is put there and its address is not published.
    enabled = models.BooleanField(default=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.UNKNOWN, editable=False)
    # One sentence on what went wrong last; empty while all is well.
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    # The newest serial that was read back from here; null before the first.
    last_serial = models.BigIntegerField(null=True, editable=False)
    # Null before the first visit.
    visited_at = models.DateTimeField(null=True, editable=False)
    # When it was last read as a client would, to see whether it still holds the file; null before the first time.
    watched_at = models.DateTimeField(null=True, editable=False)

    objects = MirrorQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class PublicationQuerySet(models.QuerySet["Publication"]):
    """Publications, newest first where order matters."""

    def newest(self) -> "Publication | None":
        """The publication with the highest serial, None before the first."""
        return self.order_by("-serial").first()

    def safe(self, mirrors: Collection[int]) -> "PublicationQuerySet":
        """Those that at least one of these mirrors gave back unchanged."""
        return self.filter(results__state=PublicationResult.State.SAFE, results__mirror__in=mirrors)

    def newest_safe(self, mirrors: Collection[int]) -> "Publication | None":
        """The newest one of these."""
        return self.safe(mirrors).order_by("-serial").first()

    def outdated(self, kept: int, mirrors: Collection[int]) -> "PublicationQuerySet":
        """All but the newest `kept`, and never the one that readers have from these mirrors."""
        beyond = self.order_by("-serial").values_list("serial", flat=True)[kept : kept + 1].first()
        safe = self.newest_safe(mirrors)
        if beyond is None:
            return self.none()
        return self.filter(serial__lte=min(beyond, safe.serial - 1) if safe else beyond)


class RevocationList(models.Model):
    """One revocation list as it was sealed; never changed afterwards. Spec: 3.12"""

    serial = models.BigIntegerField(unique=True)
    # 16 hex digits: which discovery secret opens it.
    kid = models.CharField(max_length=16)
    # The published object, byte for byte: ciphertext and signature.
    body = models.BinaryField()
    # Of the body; it stands in every connection file that is published beside it.
    sha256 = models.BinaryField(max_length=32)
    # Hex SHA-256 of the entries and of who signed them: equal means nothing new to say.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"revocation list {self.serial}"


class Publication(models.Model):
    """One connection file as it was sealed; never changed afterwards."""

    serial = models.BigIntegerField(unique=True)
    # 16 hex digits: which discovery secret opens it.
    kid = models.CharField(max_length=16)
    # The published object, byte for byte: ciphertext and signature.
    body = models.BinaryField()
    # The list whose digest it carries, and which is put beside it; null for a file from before there were lists.
    revocations = models.ForeignKey(RevocationList, on_delete=models.PROTECT, null=True, related_name="publications")
    # Hex SHA-256 of what the file says, without serial, instants of sealing and load: equal means nothing new to say.
    digest = models.CharField(max_length=64)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    created_at = models.DateTimeField()

    objects = PublicationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"serial {self.serial}"


class PublicationResultQuerySet(models.QuerySet["PublicationResult"]):
    """What is still to be carried to mirrors."""

    def unsettled(self) -> "PublicationResultQuerySet":
        """Those that are not safe yet and were not superseded, at mirrors that are enabled."""
        return self.filter(state__in=PublicationResult.UNSETTLED, mirror__enabled=True).order_by("pk")

    def due(self, at: datetime) -> "PublicationResultQuerySet":
        """Those whose next attempt has come.

        One that lies further ahead than anybody waits was written before the clock was set back: it has come too.
        """
        written_later = models.Q(at__gt=at, next_attempt_at__gt=at + PublicationResult.LONGEST_VISIT)
        from_another_time = written_later | models.Q(next_attempt_at__gt=at + PublicationResult.LONGEST_WAIT)
        return self.filter(models.Q(next_attempt_at__lte=at) | from_another_time)


class PublicationResult(models.Model):
    """How one publication fares at one mirror. State moves by conditional update only, along TRANSITIONS."""

    class State(models.TextChoices):
        """Where the file is on its way."""

        WAITING = "waiting", "waiting"
        SAFE = "safe", "put there and read back"
        FAILED = "failed", "failed, to be tried again"
        SUPERSEDED = "superseded", "a newer file took its place"

    TRANSITIONS = {
        State.WAITING: {State.SAFE, State.FAILED, State.SUPERSEDED},
        State.FAILED: {State.SAFE, State.FAILED, State.SUPERSEDED},
        # A mirror may lose what it had.
        State.SAFE: {State.FAILED},
        # A visit that was under way may have put it there all the same.
        State.SUPERSEDED: {State.SAFE},
    }
    UNSETTLED = [State.WAITING, State.FAILED]
    # Of which nobody knows whether it still goes on.
    LONGEST_VISIT = timedelta(minutes=10)
    # From one attempt to the next, at most: where only the operator can help, until he saves or tries again.
    LONGEST_WAIT = timedelta(hours=1)

    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="results")
    mirror = models.ForeignKey(Mirror, on_delete=models.CASCADE, related_name="results")
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    # One sentence on what went wrong; empty when nothing did.
    detail = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    # Nobody tries before this instant; moving it forward is how a worker claims the attempt.
    next_attempt_at = models.DateTimeField()
    # When the state was last written.
    at = models.DateTimeField()

    objects = PublicationResultQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["publication", "mirror"], name="one_result_per_mirror")]

    def __str__(self) -> str:
        return f"{self.publication} at {self.mirror}: {self.state}"

    def claim(self, until: datetime) -> bool:
        """Whether this attempt is ours alone until that instant; False when somebody else has it."""
        here = PublicationResult.objects.filter(pk=self.pk, state=self.state, next_attempt_at=self.next_attempt_at)
        return here.update(next_attempt_at=until) == 1

    def move(self, state: str, *, detail: str, at: datetime, next_attempt_at: datetime) -> bool:
        """Write the outcome of an attempt; False when the row has moved on meanwhile.

        Raises: ValueError for a step that TRANSITIONS does not have.
        """
        if state not in self.TRANSITIONS[PublicationResult.State(self.state)]:
            raise ValueError(f"A result does not go from {self.state} to {state}.")
        return (
            PublicationResult.objects.filter(pk=self.pk, state=self.state).update(
                state=state,
                detail=detail[:300],
                attempts=models.F("attempts") + 1,
                at=at,
                next_attempt_at=next_attempt_at,
            )
            == 1
        )


class ServedFile(models.Model):
    """What the front door hands out under one name for one mirror row."""

    mirror = models.ForeignKey(Mirror, on_delete=models.CASCADE, related_name="served_files")
    # `connection.json` or `revocations.json`.
    name = models.CharField(max_length=32, default="connection.json")
    body = models.BinaryField()
    # Hex SHA-256 of body, the entity tag.
    sha256 = models.CharField(max_length=64)
    put_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mirror", "name"], name="discovery_one_file_of_a_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.mirror}"
