// What layer A costs the browser: frames and handshakes, beside bare Web Crypto; for session.py.

import { MessageType } from "/static/js/protocol/frame.js";
import { ClientHandshake, findGate, Gate, ServerHandshake } from "/static/js/protocol/handshake.js";
import { gateKey } from "/static/js/protocol/key_schedule.js";
import { DevicePublic, DiscoverySecret, IdentityKey, PreSharedKey } from "/static/js/protocol/keys.js";
import { randomBytes } from "/static/js/protocol/primitives.js";

const NOW_MS = 1_760_000_000_000;
const SIZE = 4096;

/**
 * Milliseconds of each try. The browser's clock is coarse, a tenth of a millisecond.
 * @param {{messages: number, handshakes: number}} what
 */
export async function measure({ messages, handshakes }) {
  const took = { "encrypt and decrypt 4096": [], "bare Web Crypto 4096": [], "client handshake": [] };
  let ends;
  for (let each = 0; each < handshakes; each += 1) ends = await shake(took);
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  for (let each = 0; each < messages; each += 1) {
    const payload = randomBytes(SIZE);
    const messageId = randomBytes(16);
    let began = performance.now();
    await ends.server.open(await ends.client.seal(MessageType.CHAT, payload, messageId, NOW_MS));
    took["encrypt and decrypt 4096"].push(performance.now() - began);
    const bare = { name: "AES-GCM", iv: randomBytes(12) };
    began = performance.now();
    await crypto.subtle.decrypt(bare, key, await crypto.subtle.encrypt(bare, key, payload));
    took["bare Web Crypto 4096"].push(performance.now() - began);
  }
  return took;
}

/** A handshake with a server in the same page, whose time is not counted. */
async function shake(took) {
  const gate = new Gate(gateKey(DiscoverySecret.generate()), IdentityKey.generate());
  const [psk, { publicKey, sign }] = [PreSharedKey.generate(), await device()];
  const host = new ServerHandshake(gate, "cc-bench");
  let milliseconds = 0;
  const note = async (work) => {
    const began = performance.now();
    const result = await work();
    milliseconds += performance.now() - began;
    return result;
  };
  const guest = new ClientHandshake(gate.serverPublic, gate.gateKey, new Uint8Array(16), psk, publicKey, sign, "");
  const hello = await note(() => guest.hello());
  if (findGate(hello, [gate]) === null) throw new Error("the gate stays shut");
  const answer = await host.receiveHello(hello, NOW_MS);
  const proof = await note(() => guest.receiveServerHello(answer, NOW_MS));
  await host.receiveClientAuth(proof);
  host.verify(psk, publicKey);
  const [finished, server] = await host.finish(new Map(), randomBytes(16), NOW_MS);
  const client = await note(() => guest.receiveFinished(finished));
  took["client handshake"].push(milliseconds);
  return { client, server };
}

/** A device whose key stays in Web Crypto, as the app's does. */
async function device() {
  const { publicKey, privateKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
  const sign = async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message));
  return { publicKey: new DevicePublic(raw), sign };
}
