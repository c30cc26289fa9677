"""The columns that hold sealed secrets: what is needed to seal each of them anew under another master key."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from chat.models import AlertChannel, Device, DiscoverySecret, Invite, ServerIdentity
from chat.services import channels
from chat.services.identity import IDENTITY_PURPOSE
from chat.services.sealed import DEVICE_PURPOSE, DISCOVERY_PURPOSE, INVITE_PURPOSE
from chat.services.secrets import is_sealed_under_key_in_use, open_secret, seal_secret
from clawchat.protocol.errors import Unauthentic

# Sealed anew in one transaction, so that nobody waits long for his own.
BATCH = 100


@dataclass(frozen=True)
class SealedColumn:
    """A column of sealed secrets, with the purpose and the row's context they are sealed for."""

    model: type[models.Model]
    name: str
    purpose: str
    context: Callable[[Any], bytes]

    def reseal(self) -> "Resealed":
        """Seal what is there anew, where it does not name the master key in use.

        What somebody else writes meanwhile is left as he writes it: call it again until nothing is left to do.
        """
        there, lost, last = 0, 0, 0
        while rows := list(self.filled().filter(pk__gt=last).order_by("pk")[:BATCH]):
            last = rows[-1].pk
            with transaction.atomic():
                for row in rows:
                    sealed = bytes(getattr(row, self.name))
                    if is_sealed_under_key_in_use(sealed):
                        continue
                    try:
                        there += self._reseal(row, sealed)
                    except Unauthentic:
                        lost += 1
        return Resealed(there, lost)

    def filled(self) -> models.QuerySet:
        """The rows that have something there."""
        return self.model._default_manager.exclude(**{self.name: None}).exclude(**{self.name: b""})

    def _reseal(self, row: models.Model, sealed: bytes) -> int:
        context = self.context(row)
        anew = seal_secret(self.purpose, open_secret(self.purpose, sealed, context), context)
        return self.model._default_manager.filter(pk=row.pk, **{self.name: sealed}).update(**{self.name: anew})


@dataclass(frozen=True)
class Resealed:
    """How many values were sealed anew, and how many open under no key that there is."""

    values: int
    lost: int


def reseal(columns: Iterable[SealedColumn]) -> Resealed:
    """Seal all of these columns anew."""
    done = [column.reseal() for column in columns]
    return Resealed(sum(each.values for each in done), sum(each.lost for each in done))


CHAT_COLUMNS = (
    SealedColumn(ServerIdentity, "private_sealed", IDENTITY_PURPOSE, lambda row: bytes(row.public)),
    SealedColumn(DiscoverySecret, "secret_sealed", DISCOVERY_PURPOSE, lambda row: bytes(row.kid)),
    SealedColumn(Device, "psk_sealed", DEVICE_PURPOSE, lambda row: bytes(row.device_id)),
    SealedColumn(Device, "pending_psk_sealed", DEVICE_PURPOSE, lambda row: bytes(row.device_id)),
    SealedColumn(Invite, "psk_sealed", INVITE_PURPOSE, lambda row: bytes(row.invite_id)),
    SealedColumn(AlertChannel, "secrets_sealed", channels.PURPOSE, channels.context_of),
)
