"""Channels: alerts on their way out, each told once, tried again with longer and longer pauses, and then given up."""

import json
import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connections, transaction
from django.utils import timezone

from chat.models import Alert, AlertChannel, AlertTelling
from chat.services.alerts import tell_what_changed
from chat.services.secrets import open_secret, seal_secret
from chat.telling import CannotTell, Message, Post, post, send_mail
from chat.telling.posting import host_of
from clawchat.protocol.errors import Unauthentic

logger = logging.getLogger(__name__)

PURPOSE = "alert channel"
State, Heard, Kind = AlertTelling.State, AlertTelling.Heard, AlertChannel.Kind
# Who takes a telling has it alone for so long, which is more than the longest attempt.
CLAIMED_FOR = timedelta(seconds=90)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
MOST_ATTEMPTS = 12
# Of one visit to a channel; the rest follows at the next.
MOST_AT_ONCE = 20
MOST_ADDRESSES = 20
# The channels that this process is telling something: one thread each.
_telling: set[int] = set()
_telling_lock = threading.Lock()


# What is stored of a channel


def read_secrets(channel: AlertChannel) -> dict[str, str]:
    """The secrets that lie in this row; none at all is an empty map.

    Raises: CannotTell when they were sealed under another master key, or for another row.
    """
    if channel.secrets_sealed is None:
        return {}
    try:
        return json.loads(open_secret(PURPOSE, bytes(channel.secrets_sealed), context_of(channel)))
    except Unauthentic as error:
        raise CannotTell("Its secret does not open with this server's master key; enter it again.") from error


def write_secrets(channel: AlertChannel, secrets: dict[str, str]) -> None:
    """Seal these in place of all that were there; the row has to be stored already."""
    data = json.dumps(secrets).encode()
    channel.secrets_sealed = seal_secret(PURPOSE, data, context_of(channel)) if secrets else None
    AlertChannel.objects.filter(pk=channel.pk).update(secrets_sealed=channel.secrets_sealed)


def parse_addresses(text: str) -> list[str]:
    """Addresses of mail with commas between them.

    Raises: CannotTell, naming the first that is none.
    """
    found = [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
    if not 0 < len(found) <= MOST_ADDRESSES:
        raise CannotTell(f"Write one to {MOST_ADDRESSES} addresses with commas between them.")
    for address in found:
        try:
            validate_email(address)
        except ValidationError:
            raise CannotTell(f"{address} is no address of mail.") from None
    return found


# Telling


def tell_due() -> list[threading.Thread]:
    """Tell what is due, each channel on a thread of its own; nobody has to wait for them."""
    due = _due().values_list("channel", flat=True).distinct()
    return [thread for pk in due if (thread := _start(pk)) is not None]


def is_anything_late(after: timedelta) -> bool:
    """Whether something has been due for so long: nobody takes the tasks."""
    return _due().filter(next_attempt_at__lte=timezone.now() - after).exists()


def tell_channel(channel_pk: int) -> int:
    """How many alerts this channel was told of; it stops at the first that does not get through."""
    told = 0
    for telling in _due().filter(channel=channel_pk).select_related("alert", "channel").order_by("pk")[:MOST_AT_ONCE]:
        if not _claim(telling):
            continue
        if not _tell(telling):
            break
        told += 1
    return told


def send_test(channel: AlertChannel) -> None:
    """Say there, now, that this is a test.

    Raises: CannotTell.
    """
    now = timezone.now()
    about = {"kind": "test", "text": "Alerts of this server arrive here.", "opened_at": now, "last_at": now}
    _say(channel, Message(Alert(severity=Alert.Severity.NOTICE, **about), "test"))


def _start(channel_pk: int) -> threading.Thread | None:
    with _telling_lock:
        if channel_pk in _telling:
            return None
        _telling.add(channel_pk)
    thread = threading.Thread(target=_run, args=(channel_pk,), daemon=True, name="alerts")
    thread.start()
    return thread


def _run(channel_pk: int) -> None:
    try:
        tell_channel(channel_pk)
    except Exception:
        logger.exception("an alert channel broke off")
    finally:
        connections.close_all()
        with _telling_lock:
            _telling.discard(channel_pk)


def _due():
    waiting = AlertTelling.objects.filter(state__in=[State.WAITING, State.FAILED], channel__enabled=True)
    return waiting.filter(next_attempt_at__lte=timezone.now())


def _claim(telling: AlertTelling) -> bool:
    """Whether this attempt is ours. What changes meanwhile moves the instant again, and then the outcome is dropped."""
    until = timezone.now() + CLAIMED_FOR
    same = AlertTelling.objects.filter(pk=telling.pk, next_attempt_at=telling.next_attempt_at)
    if not same.update(next_attempt_at=until):
        return False
    telling.next_attempt_at = until
    return True


def _tell(telling: AlertTelling) -> bool:
    """Say it and write down how that went; no transaction is open meanwhile."""
    telling.alert.refresh_from_db()
    news = Heard.OPEN if telling.alert.closed_at is None else Heard.OVER
    problem = ""
    try:
        _say(telling.channel, Message(telling.alert, news.value))
    except CannotTell as error:
        problem = str(error)[:300]
    now, attempts = timezone.now(), telling.attempts + 1
    mine = AlertTelling.objects.filter(pk=telling.pk, next_attempt_at=telling.next_attempt_at)
    channel = AlertChannel.objects.filter(pk=telling.channel_id)
    if problem:
        state = State.GIVEN_UP if attempts >= MOST_ATTEMPTS else State.FAILED
        mine.update(state=state, attempts=attempts, detail=problem, next_attempt_at=now + _pause(attempts))
        if problem != telling.channel.last_error:
            logger.warning("alert channel %s: %s", telling.channel.name, problem)
        channel.update(last_error=problem)
        return False
    _note_heard(telling, news)
    channel.update(last_error="", told_at=now)
    return True


@transaction.atomic
def _note_heard(telling: AlertTelling, news: Heard) -> None:
    """What was heard was heard, whatever has become of the alert meanwhile; then that is to be told too."""
    now = timezone.now()
    alert = Alert.objects.select_for_update().get(pk=telling.alert_id)
    row = AlertTelling.objects.filter(pk=telling.pk)
    row.update(state=State.TOLD, heard=news, heard_at=now, attempts=0, detail="")
    tell_what_changed(alert, now)


def _say(channel: AlertChannel, message: Message) -> None:
    """Raises: CannotTell."""
    ways: dict[str, Callable[[AlertChannel, Message], None]] = {
        Kind.MAIL: _say_by_mail,
        Kind.WEBHOOK: _say_by_webhook,
        Kind.SLACK: _say_by_slack,
    }
    ways[channel.kind](channel, message)


def _say_by_mail(channel: AlertChannel, message: Message) -> None:
    send_mail(message, parse_addresses(str(channel.options.get("to", ""))))


def _say_by_webhook(channel: AlertChannel, message: Message) -> None:
    secrets = _filled_in(channel, "url", "key")
    post(Post(secrets["url"], message.as_json(), secrets["key"]))


def _say_by_slack(channel: AlertChannel, message: Message) -> None:
    post(Post(_filled_in(channel, "url")["url"], message.as_slack()))


def _filled_in(channel: AlertChannel, *names: str) -> dict[str, str]:
    secrets = read_secrets(channel)
    if not all(secrets.get(name) for name in names):
        raise CannotTell("Its address is missing; enter it in the admin.")
    return secrets


def _pause(attempts: int) -> timedelta:
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempts - 1))


def context_of(channel: AlertChannel) -> bytes:
    """Which row a channel's secrets belong to, as they are sealed."""
    return f"alert channel {channel.pk}".encode()


__all__ = [
    "CannotTell",
    "host_of",
    "is_anything_late",
    "parse_addresses",
    "read_secrets",
    "send_test",
    "tell_channel",
    "tell_due",
    "write_secrets",
]
