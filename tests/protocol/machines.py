"""The machines of clawchat/protocol by name, for whoever feeds them: bytes in, which are a script; out comes what each
step of it came to. Mallory is on the wire; in some steps he is a peer who has the keys and lies.

Whatever the script says: a machine gives a value or a named refusal (`PeerError`); what was refused has changed
nothing, and an end that was closed neither opens nor writes again; what was called out of turn is a `UsageError`;
nothing was taken but what the other end made, as it made it and in its order; no end has keys that the other has not;
what a machine holds does not grow. Anything else is an `AssertionError`, or an exception of another kind.
"""

from collections.abc import Callable

from tests.protocol.machines_handshake import ClientWorld, ServerWorld
from tests.protocol.machines_script import Script, World
from tests.protocol.machines_session import SessionWorld

MACHINES: dict[str, Callable[[Script], World]] = {
    "server handshake": ServerWorld,
    "client handshake": ClientWorld,
    "session": SessionWorld,
}


def play(name: str, data: bytes) -> str:
    """What came of each step of a script, in words."""
    return MACHINES[name](Script(data)).play()
