"""Key packages that wait at the server, so that others can add this device while it is away.

Spec: 3.14, 4.5
"""

from clawchat.client.store import Store
from clawchat.mls.framing import MLSMessage, WireFormat
from clawchat.mls.key_package import KeyPackageSecrets, make_key_package
from clawchat.mls.member import Member
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import Malformed
from clawchat.protocol.primitives import random_bytes

from .staging import Ask

STORE = "packages"
# So many are kept at the server, and it is filled up again below so many.
FULL = 50
LOW = 20
# The package for when all others are used up is replaced after this long: a used one keeps no secret for ever.
LAST_RESORT_SECONDS = 10 * 86_400
# A package is good for 30 days; what is older than that and some leeway can open no Welcome any more.
USELESS_SECONDS = 45 * 86_400


class KeyStock:
    """The secret halves of this device's key packages, and the server's stock of the public ones."""

    def __init__(self, store: Store, member: Member, ask: Ask, full: int = FULL) -> None:
        self._store, self._member, self._ask = store, member, ask
        self._full, self._low = full, min(LOW, full)

    async def offer_last_resort(self, now: int) -> None:
        """See that the server has a package for when all others are used up. Units: now in seconds since 1970.

        Raises: what the server answers.
        """
        rows = [parse_cbor(value) for _, value in self._store.items(STORE)]
        if not any(row["last_resort"] and row["made"] > now - LAST_RESORT_SECONDS for row in rows):
            (last_resort,) = self._make(1, now, is_last_resort=True)
            await self._ask("packages.put", packages=[], last_resort=last_resort)

    async def fill(self, now: int) -> None:
        """Fill the server's stock up when it runs low. Units as above.

        Raises: what the server answers.
        """
        self._prune(now)
        left = (await self._ask("packages.put", packages=[])).get("left")
        if not isinstance(left, int):
            raise Malformed("answer to packages.put")
        if left < self._low:
            await self._ask("packages.put", packages=self._make(self._full - left, now, is_last_resort=False))

    def find(self, refs: list[bytes]) -> tuple[KeyPackageSecrets, int] | None:
        """The secret half of the first of these packages that is ours, and when it was made."""
        for ref in refs:
            row = self._store.get(STORE, ref)
            if row is not None:
                kept = parse_cbor(row)
                return KeyPackageSecrets.parse(kept["secrets"]), kept["made"]
        return None

    def used(self, secrets: KeyPackageSecrets) -> None:
        """Forget the secret half of a package that was joined with; the last resort's may be needed again."""
        ref = secrets.package.ref(self._member.suite)
        row = self._store.get(STORE, ref)
        if row is not None and not parse_cbor(row)["last_resort"]:
            self._store.delete(STORE, ref)

    def _make(self, count: int, now: int, is_last_resort: bool) -> list[bytes]:
        """So many packages. Their secrets are stored before anything leaves: one without would swallow a Welcome."""
        made = [make_key_package(self._member, now, random_bytes) for _ in range(count)]
        with self._store.transaction():
            for secrets in made:
                row = {"made": now, "last_resort": is_last_resort, "secrets": secrets.encode()}
                self._store.put(STORE, secrets.package.ref(self._member.suite), encode_cbor(row))
        return [MLSMessage(WireFormat.KEY_PACKAGE, secrets.package.encode()).encode() for secrets in made]

    def _prune(self, now: int) -> None:
        with self._store.transaction():
            for ref, value in self._store.items(STORE):
                if parse_cbor(value)["made"] < now - USELESS_SECONDS:
                    self._store.delete(STORE, ref)
