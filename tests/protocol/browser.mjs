// The browser's half of the protocol for a test in Python. Bytes are hex. Run by test_interop.py.

import { fromHex, toHex } from "../../static/js/bytes.js";
import { ClientHandshake } from "../../static/js/protocol/handshake.js";
import { deviceCredentials, gateKey } from "../../static/js/protocol/key_schedule.js";
import { DeviceKey, DiscoverySecret, IdentityPublic, PreSharedKey } from "../../static/js/protocol/keys.js";
import { MessageType } from "../../static/js/protocol/frame.js";
import { newMessageId } from "../../static/js/protocol/primitives.js";
import { ClientRekey } from "../../static/js/protocol/rekey.js";
import { answerCommands } from "./answering.mjs";

class Browser {
  #handshake;
  #session;
  #device;
  #server;
  #rekey;

  hello({ server_public, discovery_secret, psk_id, psk, device_seed, client_name, suites }) {
    const key = (Type, hex) => new Type(fromHex(hex));
    const device = key(DeviceKey, device_seed);
    const gate = gateKey(key(DiscoverySecret, discovery_secret));
    const [server, secret] = [key(IdentityPublic, server_public), key(PreSharedKey, psk)];
    const sign = async (message) => device.sign(message);
    this.#device = device;
    this.#server = server;
    const offer = [client_name, suites];
    this.#handshake = new ClientHandshake(server, gate, fromHex(psk_id), secret, device.public, sign, ...offer);
    return { record: toHex(this.#handshake.hello()) };
  }

  async server_hello({ record, now_ms }) {
    const answer = await this.#handshake.receiveServerHello(fromHex(record), now_ms);
    return {
      record: toHex(answer),
      server_id: this.#handshake.serverId,
      clock_offset_ms: this.#handshake.clockOffsetMs,
    };
  }

  async finished({ frame }) {
    this.#session = await this.#handshake.receiveFinished(fromHex(frame));
    const [pskId, psk] = deviceCredentials(this.#session.exporter, this.#device.public);
    const tlvs = Object.fromEntries([...this.#handshake.finishedTlvs].map(([type, value]) => [type, toHex(value)]));
    const made = { exporter: toHex(this.#session.exporter), device_psk_id: toHex(pskId), device_psk: toHex(psk.bytes) };
    return { tlvs, session_id: toHex(this.#session.sessionId), ...made };
  }

  /** All frames at once, as a busy page would. */
  async seal({ frames }) {
    const sealed = frames.map(({ type, payload, message_id, timestamp_ms }) =>
      this.#session.seal(type, fromHex(payload), fromHex(message_id), timestamp_ms),
    );
    return { frames: (await Promise.all(sealed)).map(toHex) };
  }

  async open({ frame }) {
    const { type, payload, messageId, timestampMs } = await this.#session.open(fromHex(frame));
    return { type, payload: toHex(payload), message_id: toHex(messageId), timestamp_ms: timestampMs };
  }

  // Rekeys

  /** From here on the session takes part in rekeys; the clock says `now`. */
  take_part({ now }) {
    const sign = async (message) => this.#device.sign(message);
    this.#rekey = new ClientRekey(this.#session, this.#server, sign, now);
    return {};
  }

  /**
   * One moment of a busy page: all that came is handed in at once, all that is to be said is sealed at once, and a
   * rekey is begun when it is due or `begin` says so. Nothing waits for anything; answered when all is done.
   */
  async turn({ frames, say, begin = false, now }) {
    const [made, heard] = [[], []];
    const seal = (type, payload) => {
      made.push(this.#session.seal(type, payload, newMessageId(now), now));
    };
    this.#session.handRekeyTo((payload) => {
      const answer = this.#rekey.receive(payload, now);
      if (answer) seal(MessageType.KEY_ROTATION, answer);
    });
    const opening = frames.map((frame) => this.#session.open(fromHex(frame)).then((each) => heard.push(each)));
    const beginning = begin || this.#rekey.isDue(now) ? this.#rekey.init(now) : null;
    beginning?.then((init) => seal(MessageType.KEY_ROTATION, init));
    for (const text of say) {
      seal(MessageType.CHAT, fromHex(text));
      await Promise.resolve();
    }
    await Promise.all([beginning, ...opening]);
    const said = heard.filter(({ type }) => type === MessageType.CHAT).map(({ payload }) => toHex(payload));
    const { epoch, exporter } = this.#session;
    return { heard: said, frames: (await Promise.all(made)).map(toHex), epoch, exporter: toHex(exporter) };
  }
}

await answerCommands(new Browser());
