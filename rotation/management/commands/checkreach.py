"""`manage.py checkreach`: whether this server can be reached from outside, looked at now."""

import asyncio

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat.database import DatabaseThreads
from rotation.claim import node_names
from rotation.models import Node, Reachable
from rotation.reach.outside import Outside
from rotation.services import reach


class Command(BaseCommand):
    """Look at router, addresses and ports once, write down the verdict and print it."""

    help = "Look now whether people outside can reach this server, and say why or why not. Status 1 when they cannot."

    def handle(self, **_: object) -> None:
        """Print a line for each node of this data directory."""
        nodes = list(Node.objects.filter(name__in=node_names(settings.CLAWCHAT_DATA_DIR)).order_by("pk"))
        if not nodes:
            raise CommandError("No server has run here yet; start it: make run")
        for node in nodes:
            asyncio.run(_check(node))
            node.refresh_from_db()
            if node.external_address:
                self.stdout.write(f"address outside: {node.external_address}")
            self.stdout.write(reach.sentence(node))
        if all(node.reachable == Reachable.NO for node in nodes):
            raise CommandError("Nobody outside can reach this server; docs/operator-guide.md says what can be done.")


async def _check(node: Node) -> None:
    database = DatabaseThreads()
    try:
        await Outside(node.pk, database).check()
    finally:
        await asyncio.to_thread(database.close)
