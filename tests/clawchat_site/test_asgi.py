"""Two applications: the front door speaks HTTP, the chat ports WebSocket."""

from channels.testing import WebsocketCommunicator

from clawchat_site.asgi import front


async def test_front_door_refuses_websockets():
    """A WebSocket at the fixed door is closed before it opens."""
    stranger = WebsocketCommunicator(front, "/")

    connected, _ = await stranger.connect()

    assert not connected
