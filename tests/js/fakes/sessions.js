// Two ends of one session, as a handshake leaves them.

import { ClientHandshake, findGate, Gate, ServerHandshake } from "../../../static/js/protocol/handshake.js";
import { gateKey } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";

/**
 * @param {import("../../../static/js/protocol/handshake.js").ServerParameters} [parameters]
 * @returns {Promise<{client: object, server: object, identity: IdentityKey, device: DeviceKey}>} both sessions
 */
export async function sessionPair(parameters = undefined) {
  const [identity, device, psk] = [IdentityKey.generate(), DeviceKey.generate(), PreSharedKey.generate()];
  const gate = new Gate(gateKey(DiscoverySecret.generate()), identity);
  const sign = (message) => device.sign(message);
  const client = new ClientHandshake(identity.public, gate.gateKey, randomBytes(16), psk, device.public, sign);
  const hello = client.hello();
  const server = new ServerHandshake(findGate(hello, [gate]), "cc-test", parameters);
  await server.receiveClientAuth(await client.receiveServerHello(await server.receiveHello(hello, 1), 1));
  server.verify(psk, device.public);
  const [finished, session] = await server.finish(new Map(), randomBytes(16), 1);
  return { client: await client.receiveFinished(finished), server: session, identity, device };
}
