"""From which countries people may come to the chat ports: the operator's rule, and the operator's file of addresses.

A file knows where an address is registered, not who is there: this keeps noise away and proves nothing about anybody.
Therefore whoever cannot be told by it, because the file is away or broken, is let in to the proof that counts (3.3).
"""

import logging
from collections import OrderedDict
from pathlib import Path

import maxminddb
from django.conf import settings

from chat.addresses import is_one_caller, parse_address
from chat.models import ConnectionPolicy
from chat.models.country import parse_countries
from chat.models.policy import CountryRule

logger = logging.getLogger(__name__)

# Answers that are remembered: whoever knocks a thousand times is looked up once.
KEPT_ANSWERS = 4096

Stamp = tuple[int, int, int]


class NoCountryFile(Exception):
    """There is no file of addresses, or it is none; the text says which."""


class CountryFile:
    """A file in MaxMind's format that tells the countries of addresses, as it was when it was opened.

    It is read into memory: one that somebody overwrites in place changes nothing here, and breaks nothing.
    """

    def __init__(self, path: Path) -> None:
        """Raises: NoCountryFile."""
        try:
            self.stamp = stamp_of(path)
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MEMORY)
            # Any address will do: what is no such file fails here and not when somebody knocks.
            self._reader.get("192.0.2.1")
        except OSError as error:
            raise NoCountryFile(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, maxminddb.InvalidDatabaseError):
            raise NoCountryFile(f"{path} is no file of countries in MaxMind's format") from None

    def country_of(self, address: str) -> str:
        """The two-letter code of the country of an address, empty when the file does not know it."""
        found = parse_address(address)
        if found is None or (found.version == 6 and self._reader.metadata().ip_version == 4):
            return ""
        try:
            row = self._reader.get(found)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return ""
        return _code_in(row)


class Countries:
    """The rule in force, and the file it goes by. Used on the event loop's thread, but for `read`."""

    def __init__(self) -> None:
        self._file: CountryFile | None = None
        self._rule = CountryRule.OFF
        self._codes: frozenset[str] = frozenset()
        self._unknown_may_come = True
        self._answers: OrderedDict[str, bool] = OrderedDict()
        # What was wrong with the file last; empty when nothing is.
        self.problem = ""

    def limit(self, policy: ConnectionPolicy) -> None:
        """Go by this policy from now on."""
        self._rule = CountryRule(policy.country_rule)
        self._codes = frozenset(parse_countries(policy.countries))
        self._unknown_may_come = policy.unknown_countries_may_come
        self._answers.clear()

    def read(self) -> "CountryFile | None":
        """The file as it is now, for `use`; None when it is the one in use, or none can be had. Blocks.

        One that has become bad or is gone leaves the last good one in use, and `problem` says so.
        """
        path = settings.CLAWCHAT_GEOIP_FILE
        if path is None:
            return None
        try:
            if self._file is not None and stamp_of(path) == self._file.stamp:
                self.problem = ""
                return None
            found = CountryFile(path)
        except (OSError, NoCountryFile) as error:
            if not self.problem:
                logger.warning("the file of countries cannot be read; the one before stays in use: %s", error)
            self.problem = str(error)
            return None
        self.problem = ""
        return found

    def use(self, file: CountryFile | None) -> None:
        """Go by this file from now on; by the one before when it is None."""
        if file is not None:
            self._file = file
            self._answers.clear()

    @property
    def is_idle(self) -> bool:
        """Whether there is a rule and no file to go by, so that everybody may come."""
        return self._rule != CountryRule.OFF and self._file is None

    def may_come(self, address: str) -> bool:
        """Whether somebody from this address may try to prove who he is.

        This machine and trusted proxies always may, and so may private networks that are not in the file.
        """
        if self._rule == CountryRule.OFF or self._file is None:
            return True
        answer = self._answers.get(address)
        if answer is None:
            answer = self._answers[address] = self._judge(address)
            if len(self._answers) > KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return answer

    def _judge(self, address: str) -> bool:
        found = parse_address(address)
        if found is None or not is_one_caller(address):
            return True
        country = self._file.country_of(address)
        if not country:
            return found.is_private or self._unknown_may_come
        return (country in self._codes) == (self._rule == CountryRule.ALLOW)


def stamp_of(path: Path) -> Stamp:
    """What changes when a file does. Raises: OSError."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _code_in(row: object) -> str:
    """The code in a row of the file: of the country, else of where its owner is registered; makers differ in form."""
    if not isinstance(row, dict):
        return ""
    for name in ("country", "registered_country", "country_code"):
        found = row.get(name)
        code = found.get("iso_code") if isinstance(found, dict) else found
        if isinstance(code, str) and len(code) == 2:
            return code.upper()
    return ""
