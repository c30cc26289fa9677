"""The master key, changed under load: every sealed secret is sealed anew while servers run."""

import time
from datetime import UTC, datetime

from django.conf import settings

from chat.services import audit
from chat.services.master_key import MasterKeyError, add_master_key, drop_former_master_key, master_keys
from chat.services.sealed_columns import CHAT_COLUMNS, SealedColumn, reseal
from discovery.models import Mirror
from discovery.services import mirror_secrets

from .key_kinds import KeyKind, KeyNotChanged, Order

COLUMNS = (
    *CHAT_COLUMNS,
    SealedColumn(Mirror, "secrets_sealed", mirror_secrets.PURPOSE, mirror_secrets.context_of),
)
# Whoever sealed something just before the key was replaced has stored it by then.
SETTLE_SECONDS = 5.0
# With people at work there is always something to do once more, but not so often.
MOST_PASSES = 20


class MasterKind(KeyKind):
    """What seals every secret in the database."""

    name = "master"
    help = "change the master key and seal every secret in the database anew, while servers run"

    def __init__(self, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._settle_seconds = settle_seconds

    def standing(self) -> str:
        """Its id, and its file's age."""
        keys, path = master_keys(), settings.CLAWCHAT_MASTER_KEY_FILE
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        half = "; a change that was interrupted has left the one before it in the file" if len(keys) > 1 else ""
        return f"{keys[0].id.hex()}, file of {made:%Y-%m-%d}{half}"

    def prospect(self, order: Order) -> str:
        """All values, none of which anybody has to enter again."""
        values = sum(column.filled().count() for column in COLUMNS)
        return (
            f"A new key takes its place in {settings.CLAWCHAT_MASTER_KEY_FILE}, {values} secrets are sealed anew under "
            "it, then the old one is erased."
        )

    def change(self, order: Order) -> str:
        """Add the new key, seal everything anew until nothing is left, take the old key away."""
        try:
            begun = add_master_key()
        except MasterKeyError as error:
            raise KeyNotChanged(str(error)) from None
        order.tell("The new master key is in the file." if begun else "A change that was interrupted goes on.")
        key_id = master_keys(anew=True)[0].id
        values, lost = self._reseal_all(order)
        try:
            drop_former_master_key(key_id)
        except MasterKeyError as error:
            raise KeyNotChanged(str(error)) from None
        audit.record("master_key_changed", actor=order.actor[:64], subject=master_keys()[0].id.hex(), values=values)
        damaged = f" {lost} did not open under the old key either: their owners need new ones." if lost else ""
        return (
            "Make a new backup of the master key file, away from the database's: backups of the database from before "
            f"now open with the old key file only.{damaged} Nobody else has to do anything."
        )

    def _reseal_all(self, order: Order) -> tuple[int, int]:
        total = 0
        for _ in range(MOST_PASSES):
            done = reseal(COLUMNS)
            total += done.values
            if done.values:
                order.tell(f"{done.values} secrets are sealed anew.")
            # The last look comes after a pause in which everybody has gone over to the new key.
            time.sleep(self._settle_seconds)
            late = reseal(COLUMNS)
            total += late.values
            if not late.values:
                return total, late.lost
        raise KeyNotChanged("Secrets go on being written under the old key. Is there a server that reads another file?")
