"""`manage.py publishconnection`: seal the present content anew and put it on every mirror, now."""

import time

from django.core.management.base import BaseCommand, CommandError

from clawchat.protocol.errors import PeerError
from discovery.services import compose, publication_is_safe, publish_everywhere, published_info


class Command(BaseCommand):
    """Publish once more, under a new serial."""

    help = "Seal the present connection file under a new serial, put it on every mirror and read it back."

    def handle(self, **options: object) -> None:
        """Publish, and say how each mirror fares; status 1 when none that readers can ask took the file."""
        try:
            info = published_info()
        except PeerError as error:
            raise CommandError(f"The newest file does not open with the present keys ({error}).") from None
        if info is None:
            raise CommandError("There is nothing to publish before the server has run once. Start it: make run")
        now = int(time.time())
        results = publish_everywhere(compose(info.endpoints, now, info.next_rotation, info.grace_seconds), now)
        for result in results:
            why = result.detail and f". {result.detail}"
            self.stdout.write(f"{result.mirror}: {result.get_state_display()}{why}")
        if not any(publication_is_safe(result.publication) for result in results[:1]):
            raise CommandError("No mirror that members can reach has the file. Each line above says why.")
