"""Certificates of the local authority for this process: issued in memory, renewed long before they expire."""

import time
from collections.abc import Callable

from django.conf import settings

from .authority import LEAF_DAYS, Authority, certificate_file, ensure_authority, issue, new_keys, renewal_file
from .context import Pair, TlsProblem
from .files import file_stamp
from .names import Address, Names, own_names, parse_name

DAY_SECONDS = 86_400
# Thirty days before a certificate expires there is a new one.
RENEWED_AFTER_SECONDS = (LEAF_DAYS - 30) * DAY_SECONDS
# Interfaces come and go; looking costs little, but not every few seconds.
NAMES_SECONDS = 60
RETRY_SECONDS = 3600


def local_authority(now: float) -> Authority:
    """The authority of this data directory, made on first use.

    Raises: TlsProblem.
    """
    others = (parse_name(host) for host in settings.CLAWCHAT_OTHER_HOSTS)
    names = own_names().all | set(others)
    return ensure_authority(settings.CLAWCHAT_DATA_DIR, settings.CLAWCHAT_SERVER_NAME, names, now)


def names_to_vouch_for(authority: Authority, names: Names) -> frozenset[str | Address]:
    """Those that the authority may vouch for.

    Raises: TlsProblem, when what clients dial is not among them.
    """
    for name in sorted(names.dialled, key=str):
        if not authority.may_vouch_for(name):
            raise TlsProblem(
                f"The local authority in {authority.path} may not vouch for {name}, which clients dial: it was made "
                "for other names. Move it and its key away to have a new one made, then see manage.py trustca."
            )
    return frozenset(name for name in names.all if authority.may_vouch_for(name))


class LocalSupply:
    """Certificates that this process issues to itself. Their keys are in no file. `clock`: seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._issued_at = 0.0
        self._names_at = 0.0
        self._names = frozenset[str | Address]()
        self._authority_stamp: object = None
        # What an operator left who wanted new keys, whether he waits for them, and those that nobody should believe any
        # more.
        self._renewal_stamp = _renewal_stamp()
        self._is_wanted = False
        self._serving: list[Pair] = []
        self._withdrawn: list[Pair] = []

    def is_stale(self) -> bool:
        """Whether it is time to renew, the authority is another, somebody wants new keys, or this machine has other
        addresses."""
        now = self._clock()
        if self._renewal_stamp != _renewal_stamp():
            return True
        if not 0 <= now - self._issued_at < RENEWED_AFTER_SECONDS:
            return True
        if self._authority_stamp != file_stamp(certificate_file(settings.CLAWCHAT_DATA_DIR)):
            return True
        if not 0 <= now - self._names_at < NAMES_SECONDS:
            self._names_at = now
            return own_names().all != self._names
        return False

    def pairs(self) -> list[Pair]:
        """New certificates with new keys, one for each kind.

        Raises: TlsProblem.
        """
        now, renewal = self._clock(), _renewal_stamp()
        names = own_names()
        self._is_wanted = self._is_wanted or renewal != self._renewal_stamp
        self._renewal_stamp = renewal
        # Set first: what fails is tried again in an hour, or when something has changed, not at every look.
        self._issued_at = now - RENEWED_AFTER_SECONDS + RETRY_SECONDS
        self._names_at = now
        self._names = names.all
        try:
            authority = local_authority(now)
        finally:
            self._authority_stamp = file_stamp(certificate_file(settings.CLAWCHAT_DATA_DIR))
        wanted = names_to_vouch_for(authority, names)
        pairs = [issue(authority, key, wanted, now) for key in new_keys()]
        self._issued_at = now
        if self._is_wanted:
            self._withdrawn += self._serving
        self._is_wanted, self._serving = False, pairs
        return pairs

    def withdrawn(self) -> list[Pair]:
        """Certificates that were replaced because an operator wanted it, since this was asked last."""
        withdrawn, self._withdrawn = self._withdrawn, []
        return withdrawn


def _renewal_stamp() -> object:
    return file_stamp(renewal_file(settings.CLAWCHAT_DATA_DIR))
