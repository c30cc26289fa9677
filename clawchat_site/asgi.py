"""Two ASGI applications: `front` (HTTP, the fixed front door) and `socket` (WebSocket, the moving chat ports)."""

import asyncio
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawchat_site.settings")

http = get_asgi_application()

# Models can be imported only after Django is set up.
from chat.consumers import ChatConsumer  # noqa: E402
from chat.origin import begin  # noqa: E402

from . import monitors  # noqa: E402

socket = ChatConsumer.as_asgi()

# Requests at work at once; each may hold a database connection, and a crowd at the front door must leave the chat some.
FRONT_AT_ONCE = 16
_places = asyncio.Semaphore(FRONT_AT_ONCE)
# Monitors ask most of all when the others wait for a database that is away.
MONITORS_AT_ONCE = 4
_monitor_places = asyncio.Semaphore(MONITORS_AT_ONCE)


async def front(scope, receive, send):
    """Answer HTTP; the front door speaks no WebSocket, so one is refused before it opens."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    begin("request")
    async with _monitor_places if scope.get("path") in monitors.PATHS else _places:
        # Daphne takes a root path from a header that anybody may send, and with it one path would be another behind
        # the doors that look at it. The front door is at the root, always.
        await http({**scope, "root_path": ""}, receive, send)
