/**
 * The handshake as the rest of the program sees it.
 *
 *     client                                server
 *     ClientHandshake.hello()        -H1->  findGate(), ServerHandshake.receiveHello()
 *     .receiveServerHello()         <-H2-
 *                                    -H3->  .receiveClientAuth(), .verify()
 *     .receiveFinished()        <-AUTH_OK-  .finish()
 *     Session                               Session
 *
 * Spec: 3.3
 */

export { ClientHandshake } from "./client_handshake.js";
export { findGate, Gate, gateValue } from "./gate.js";
export { KeyLimits, ServerParameters } from "./parameters.js";
export { ClientAuth, ServerHandshake } from "./server_handshake.js";
