// Who takes part in the protocol tests, and the two halves of a handshake run back to back.
//
// alice owns the server, bob is a member, charlie must learn nothing, mallory is on the wire.

import assert from "node:assert/strict";

import { ClientHandshake, findGate, Gate, ServerHandshake } from "../../../static/js/protocol/handshake.js";
import { gateKey } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";

export const NOW_MS = 1_700_000_000_000;

/** A server of alice's with bob enrolled on it. */
export function household() {
  const [discoverySecret, identity] = [DiscoverySecret.generate(), IdentityKey.generate()];
  const gate = new Gate(gateKey(discoverySecret), identity);
  return {
    discoverySecret,
    identity,
    gate,
    bob: { device: DeviceKey.generate(), psk: PreSharedKey.generate(), pskId: randomBytes(16) },
  };
}

/** bob's half; `changes` replaces what he knows. */
export function clientOf({ identity, gate, bob }, changes = {}) {
  const { device, psk, pskId, serverPublic, key, suites } = {
    ...bob,
    serverPublic: identity.public,
    key: gate.gateKey,
    ...changes,
  };
  const sign = async (message) => device.sign(message);
  return new ClientHandshake(serverPublic, key, pskId, psk, device.public, sign, "bob's browser", suites);
}

/** A whole handshake. `onTheWire(name, record)` may change what travels. */
export async function meet(
  home,
  { client = clientOf(home), server, onTheWire = (_, record) => record, tlvs = new Map() } = {},
) {
  const hello = onTheWire("H1", client.hello());
  const gate = findGate(hello, [home.gate]);
  assert.notEqual(gate, null, "the gate stays shut");
  const host = server ?? new ServerHandshake(gate, "cc-alice");
  const answer = onTheWire("H2", await host.receiveHello(hello, NOW_MS));
  const auth = onTheWire("H3", await client.receiveServerHello(answer, NOW_MS));
  const claimed = await host.receiveClientAuth(auth);
  host.verify(home.bob.psk, home.bob.device.public);
  const [frame, serverSession] = await host.finish(tlvs, randomBytes(16), NOW_MS);
  const clientSession = await client.receiveFinished(onTheWire("AUTH_OK", frame));
  return { client, server: host, claimed, clientSession, serverSession };
}

/** The attempt fails with exactly this code. */
export async function refuses(code, attempt) {
  await assert.rejects(
    async () => attempt(),
    (error) => {
      assert.equal(error.code, code, `${error.name}: ${error.message}`);
      return true;
    },
  );
}

/** The data with one bit of one byte changed. */
export function flipped(data, index, bit = 1) {
  return data.map((octet, each) => (each === index ? octet ^ bit : octet));
}
