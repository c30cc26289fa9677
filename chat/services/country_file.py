"""The operator's file of countries: read again when it changes, and an alert while the rule cannot go by it."""

from chat.countries import Countries, CountryFile
from chat.models import Alert
from chat.services.alerts import close_alert, raise_alert

KIND = "countries"
REMEDY = (
    "Put a file in MaxMind's format where CLAWCHAT_GEOIP_FILE says; it is read by itself. "
    "Or switch the rule of countries off."
)


class CountryFileKeeper:
    """Looks after the file for one server process. Its calls block."""

    def __init__(self, countries: Countries) -> None:
        self._countries = countries
        # What was told last; None before the first look.
        self._told: str | None = None

    def look(self) -> CountryFile | None:
        """The file, when there is another one than before; tells the operator what is wrong, and when it is over."""
        found = self._countries.read()
        wrong = self._countries.problem
        if not wrong and found is None and self._countries.is_idle:
            wrong = "There is a rule of countries and no file to go by."
        if wrong != self._told:
            self._tell(wrong)
            self._told = wrong
        return found

    def _tell(self, wrong: str) -> None:
        if not wrong:
            close_alert(KIND)
            return
        meanwhile = "everybody may come" if self._countries.is_idle else "the file before stays in use"
        raise_alert(KIND, "", Alert.Severity.WARNING, f"{wrong[:200]} Meanwhile {meanwhile}.", REMEDY)
