"""The handshake as the rest of the program sees it.

    client                                server
    ClientHandshake.hello()        -H1->  find_gate(), ServerHandshake.receive_hello()
    .receive_server_hello()       <-H2-
                                   -H3->  .receive_client_auth(), .verify()
    .receive_finished()       <-AUTH_OK-  .finish()
    Session                               Session

Spec: 3.3
"""

from clawchat.protocol.client_handshake import ClientHandshake
from clawchat.protocol.gate import Gate, find_gate, gate_value
from clawchat.protocol.parameters import KeyLimits, ServerParameters
from clawchat.protocol.server_handshake import ClientAuth, ServerHandshake

__all__ = [
    "ClientAuth",
    "ClientHandshake",
    "Gate",
    "KeyLimits",
    "ServerHandshake",
    "ServerParameters",
    "find_gate",
    "gate_value",
]
