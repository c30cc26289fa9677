"""Mirrors that an operator should look at."""

from chat.models import Alert
from chat.services.alerts import Trouble, keep
from discovery.models import Mirror, Publication

State, Severity = Mirror.State, Alert.Severity
# By then a mirror has failed for some ten minutes: most heal by themselves sooner.
MOST_ATTEMPTS = 8
_REMEDIES = {
    State.SUSPECT: "Look who can write there: change its password, or turn the mirror off. Readers refuse such a file.",
    State.ATTENTION: "Open the mirror in the admin and mend what the sentence says.",
    State.FAILING: "Nothing, if it comes back by itself; otherwise look whether its server is there.",
}


def look() -> None:
    """Raise and close the alerts about mirrors."""
    keep("mirror", mirror_troubles())


def mirror_troubles() -> dict[str, Trouble]:
    """What is wrong with which mirror, by its name; a mirror that is turned off is nobody's trouble."""
    bad = list(Mirror.objects.enabled().filter(state__in=_REMEDIES))
    if not bad:
        return {}
    newest = Publication.objects.newest()
    attempts = dict(newest.results.values_list("mirror", "attempts")) if newest else {}
    return {
        mirror.name: _trouble(mirror, attempts.get(mirror.pk, 0))
        for mirror in bad
        if mirror.state != State.FAILING or attempts.get(mirror.pk, 0) >= MOST_ATTEMPTS
    }


def _trouble(mirror: Mirror, attempts: int) -> Trouble:
    severity = Severity.URGENT if mirror.state == State.SUSPECT else Severity.WARNING
    text = f"Mirror {mirror.name}: {mirror.last_error}"
    return Trouble(severity, text, _REMEDIES[State(mirror.state)], {"state": mirror.state, "attempts": attempts})
