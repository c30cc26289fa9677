"""What a mirror's row keeps between visits, sealed with its password as the secret `session`.

`sid`, `master_key`: the login, as secret as the password. `email`: whose it is. `login_due`: when to log in anew, in
seconds since 1970. `link`, `folder`: handles of the link that was entered and of the folder behind it. `nodes`: the
handles of the nodes under each name, the newest first.
"""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from discovery.models import Mirror
from discovery.services.mirror_secrets import read_secrets, write_secrets


def keep(mirror: Mirror, news: dict[str, Any]) -> None:
    """Store what was learnt."""
    _change(mirror, lambda secrets: {**secrets, "session": merged(secrets.get("session", {}), news)})


def forget_code(mirror: Mirror) -> None:
    """A two-factor code is good for one login, and a wrong one not even for that."""
    _change(mirror, lambda secrets: {name: value for name, value in secrets.items() if name != "two_factor_code"})


def merged(session: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    """The session with the news; the nodes of each name are news by themselves, and None forgets them all."""
    nodes = {} if news.get("nodes", {}) is None else {**session.get("nodes", {}), **news.get("nodes", {})}
    return {**session, **news, "nodes": nodes}


def _change(mirror: Mirror, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change what is stored now: the operator may have entered something else meanwhile."""
    with transaction.atomic():
        row = Mirror.objects.select_for_update().get(pk=mirror.pk)
        write_secrets(row, changed(read_secrets(row)))
    mirror.secrets_sealed = row.secrets_sealed
