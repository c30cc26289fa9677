"""What files tell, each with the place it came from: which is believed, and what is wrong with the others. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clawchat.diagnosis import Observation, length_of
from clawchat.protocol.connection_file import ConnectionInfo, SealedConnectionFile
from clawchat.protocol.errors import Forked, Malformed, PeerError, TooLarge, UnknownPeer, UnsupportedVersion
from clawchat.protocol.keys import DiscoverySecret, IdentityPublic

from .belief import weigh


@dataclass(frozen=True, slots=True)
class Believing:
    """What a reader goes by: its secrets by `kid` and its pins, those in force first, and the last file it believed (0
    and empty: none)."""

    secrets: Mapping[bytes, DiscoverySecret]
    pins: Sequence[IdentityPublic]
    last_serial: int = 0
    last_digest: bytes = b""


class Judgement:
    """Of files that were fetched at `now`. `met` has what is to be said of them; `info` is the one believed, or None.

    Units: now in seconds since 1970.
    Spec: 3.8
    """

    def __init__(self, believing: Believing, now: int) -> None:
        self._believing = believing
        self._now = now
        self.met: list[Observation] = []
        self.info: ConnectionInfo | None = None

    def judge(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Believe the newest of these files, each with the host it came from, and say what is wrong with the others."""
        opened = [(host, info) for host, data in files if (info := self._open(host, data)) is not None]
        if opened:
            self._meet("signature_well")
            self._choose(opened)

    # Internal

    def _meet(self, code: str, about: str = "") -> None:
        self.met.append(Observation(code, about))

    def _open(self, host: str, data: bytes) -> ConnectionInfo | None:
        try:
            sealed = SealedConnectionFile.parse(data)
        except (Malformed, TooLarge, UnsupportedVersion):
            self._meet("place_noise", host)
            return None
        self._meet("place_well", host)
        try:
            return sealed.open(self._believing.secrets, self._believing.pins)
        except UnknownPeer:
            self._meet("signature_sealed", host)
        except PeerError:
            self._meet("signature_foreign", host)
        return None

    def _choose(self, opened: Sequence[tuple[str, ConnectionInfo]]) -> None:
        serial, digest = self._believing.last_serial, self._believing.last_digest
        infos = [info for _, info in opened]
        self.info, refused = weigh(infos, last_serial=serial, last_digest=digest, now=self._now)
        why = {id(info): error for info, error in refused}
        for host, info in opened:
            if isinstance(why.get(id(info)), Forked):
                self._meet("fresh_forked", host)
            elif id(info) in why or (self.info is not None and info.serial < self.info.serial):
                self._meet("fresh_older", host)
        if self.info is None:
            return
        if self.info.is_current(self._now):
            self._meet("fresh_well")
        elif self._now < self.info.valid_from:
            self._meet("fresh_future")
        else:
            self._meet("fresh_expired", length_of(self._now - self.info.valid_until))
