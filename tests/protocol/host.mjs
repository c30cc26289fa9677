// The server's half in the browser's language, for a client in Python. Bytes are hex. Run by test_suites_interop.py.

import { fromHex, toHex } from "../../static/js/bytes.js";
import { findGate, Gate, ServerHandshake, ServerParameters } from "../../static/js/protocol/handshake.js";
import { gateKey } from "../../static/js/protocol/key_schedule.js";
import { DiscoverySecret, IdentityKey, PreSharedKey } from "../../static/js/protocol/keys.js";
import { randomBytes } from "../../static/js/protocol/primitives.js";
import { ServerRekey } from "../../static/js/protocol/rekey.js";
import { answerCommands } from "./answering.mjs";

class Host {
  #identity;
  #handshake;
  #auth;
  #session;
  #rekey;

  async hello({ record, discovery_secret, identity_seed, pq_required, now_ms }) {
    this.#identity = new IdentityKey(fromHex(identity_seed));
    const gate = new Gate(gateKey(new DiscoverySecret(fromHex(discovery_secret))), this.#identity);
    const fitting = findGate(fromHex(record), [gate]);
    this.#handshake = new ServerHandshake(fitting, "cc-node", new ServerParameters(), pq_required);
    return { record: toHex(await this.#handshake.receiveHello(fromHex(record), now_ms)) };
  }

  async auth({ record, psk, now_ms }) {
    this.#auth = await this.#handshake.receiveClientAuth(fromHex(record));
    this.#handshake.verify(new PreSharedKey(fromHex(psk)), null);
    const [frame, session] = await this.#handshake.finish(new Map(), randomBytes(16), now_ms);
    this.#session = session;
    this.#rekey = new ServerRekey(session, this.#auth.devicePublic, (message) => this.#identity.sign(message), 0);
    return { frame: toHex(frame), suite: session.suite, exporter: toHex(session.exporter) };
  }

  /** One frame comes; a rekey is answered at once, anything else is said back. */
  async take({ frame, now }) {
    const answers = [];
    this.#session.handRekeyTo((payload) => {
      const answer = this.#rekey.receive(payload, now);
      if (answer !== null) answers.push(this.#session.seal(4, answer, randomBytes(16), now));
    });
    const { type, payload } = await this.#session.open(fromHex(frame));
    if (type !== 4) answers.push(this.#session.seal(type, payload, randomBytes(16), now));
    const { epoch, exporter } = this.#session;
    return { frames: (await Promise.all(answers)).map(toHex), epoch, exporter: toHex(exporter) };
  }
}

await answerCommands(new Host());
