"""Two ASGI applications: `front` (HTTP, the fixed front door) and `socket` (WebSocket, the moving chat ports)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clawchat_site.settings")

http = get_asgi_application()

from chat.consumers import ChatConsumer  # noqa: E402  (models can be imported only after Django is set up)

socket = ChatConsumer.as_asgi()


async def front(scope, receive, send):
    """Answer HTTP; the front door speaks no WebSocket, so one is refused before it opens."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    await http(scope, receive, send)
