// Two ends of one session that take new keys, with a wire each way that the test empties frame by frame.

import { MessageType } from "../../../static/js/protocol/frame.js";
import { deriveSessionKeys, EpochKeys } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey, ExchangePublic, IdentityKey } from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";
import { ClientRekey, ServerRekey } from "../../../static/js/protocol/rekey.js";
import { Role, Session } from "../../../static/js/protocol/session.js";

const SESSION_ID = new Uint8Array(16).fill(9);

function epochKeys() {
  const [ours, theirs] = [1, 2].map((octet) => new ExchangePublic(new Uint8Array(32).fill(octet)));
  return EpochKeys.derive(deriveSessionKeys(new Uint8Array(32).fill(3), ours, theirs), new Uint8Array(32).fill(4));
}

/** One end: its session, its machine, and the frames it has put on the wire. */
class End {
  wire = [];
  said = [];
  heard = [];
  failure = null;
  /** What is being sealed, opened or signed at this moment. */
  busy = 0;
  /** Called just before and just after a step of a rekey is taken and answered. */
  beside = () => {};

  constructor(session, machineFor, clock) {
    this.session = session;
    this.clock = clock;
    this.machine = machineFor(session, clock.now);
    session.handRekeyTo((payload) => {
      this.beside();
      const answer = this.machine.receive(payload, clock.now);
      if (answer) this.send(MessageType.KEY_ROTATION, answer);
      this.beside();
    });
  }

  /** As a channel does it: sealed at once, on the wire when it is sealed. */
  send(type, payload) {
    return this.#until(this.session.seal(type, payload, randomBytes(16), 1), (frame) => this.wire.push(frame));
  }

  /** Begin a rekey; when one is under way nothing happens. */
  begin() {
    const init = this.machine.init(this.clock.now).catch(() => null);
    return this.#until(init, (payload) => payload && this.send(MessageType.KEY_ROTATION, payload));
  }

  say(text) {
    this.said.push(text);
    return this.send(MessageType.CHAT, new TextEncoder().encode(text));
  }

  /** Takes a frame off the other's wire; does not wait until it is open. */
  take(frame) {
    return this.#until(this.session.open(frame), ({ type, payload }) => {
      if (type === MessageType.CHAT) this.heard.push(new TextDecoder().decode(payload));
    });
  }

  async #until(promise, then) {
    this.busy += 1;
    try {
      then(await promise);
    } catch (cause) {
      this.failure ??= cause;
    } finally {
      this.busy -= 1;
    }
  }
}

/** Both ends after AUTH_OK, at a time at which a rekey may begin. */
export async function rekeyingPair({ softLimits, hardLimits, suite } = {}) {
  const [identity, device] = [IdentityKey.generate(), DeviceKey.generate()];
  const clock = { now: 0 };
  const session = (role) => new Session(role, SESSION_ID, epochKeys(), undefined, softLimits, hardLimits, suite);
  const sign = async (message) => device.sign(message);
  const host = (message) => identity.sign(message);
  const client = new End(session(Role.CLIENT), (own, now) => new ClientRekey(own, identity.public, sign, now), clock);
  const server = new End(session(Role.SERVER), (own, now) => new ServerRekey(own, device.public, host, now), clock);
  await server.send(MessageType.AUTH_OK, new Uint8Array());
  await client.take(server.wire.shift());
  clock.now = 100;
  return { client, server, clock, identity, device };
}

/** What timers and promises had to do is done. */
export const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Deliver everything in both directions until nothing is left. */
export async function deliverAll({ client, server }) {
  const isAtWork = () => client.busy + server.busy + client.wire.length + server.wire.length > 0;
  do {
    for (const frame of client.wire.splice(0)) server.take(frame);
    for (const frame of server.wire.splice(0)) client.take(frame);
    await settle();
  } while (isAtWork());
}

/** One whole rekey. */
export async function rekey(pair) {
  const { client, clock } = pair;
  clock.now += 20;
  client.begin();
  await deliverAll(pair);
}
