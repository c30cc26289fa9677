"""0x03: a signal for those who are in a room now."""

from chat.hub import Hub
from chat.live import LiveSession
from clawchat.protocol.bodies import PresenceBody
from clawchat.protocol.errors import Malformed, NotMember, PeerError
from clawchat.protocol.frame import Frame


def pass_on_signal(hub: Hub, session: LiveSession, frame: Frame) -> None:
    """Pass it on and forget it; what is beyond the rate is dropped without a word, an answer would be one more frame.

    Spec: 4.12
    """
    if not session.signals.take(hub.clock()):
        return
    try:
        _check(session, PresenceBody.parse(frame.payload))
    except PeerError as error:
        session.send_error(error, frame.message_id)
    else:
        hub.pass_on(frame.payload)


def _check(session: LiveSession, body: PresenceBody) -> None:
    """That it may go to this room, by what this process knows: a signal is worth no question to the database."""
    if body.signal.sender != session.device_id:
        raise Malformed("a signal in another device's name")
    subscription = session.subscriptions.get(body.room_id)
    if subscription is None or not subscription.is_in_room:
        raise NotMember("not in this room, or it was not resumed")
