// The device's line to the server: one session after the other, and what is asked and told on it.
//
// Spec: 3.3, 3.11, 3.14

import { toHex } from "../bytes.js";
import { dial as dialServer } from "../net/dial.js";
import { ChannelClosed } from "../net/failures.js";
import { PeerError } from "../protocol/errors.js";
import { keyId } from "../protocol/key_schedule.js";
import { DiscoverySecret } from "../protocol/keys.js";
import { PortFollower } from "../rotation/port_follower.js";

/** Types of TLVs in AUTH_OK: a new discovery secret, `kid[8] || secret[32]`, and a successor statement. Spec: 3.11 */
const [TLV_DISCOVERY_SECRET, TLV_SUCCESSION] = [16, 17];
const SECRET_BYTES = 32;

export class Link {
  #account;
  #finder;
  #environment;
  #follower;
  #handlers;

  /**
   * @param {object} parts
   * @param {import("./account.js").Account} parts.account
   * @param {import("../discovery/finder.js").Finder} parts.finder
   * @param {import("./environment.js").Environment} parts.environment
   * @param {() => import("./rooms.js").Rooms} parts.rooms
   * @param {(op: string) => void} parts.noticed told of every notice, and "attached" when a session has taken over
   * @param {() => void} parts.changed
   */
  constructor({ account, finder, environment, rooms, noticed, changed }) {
    this.#account = account;
    this.#finder = finder;
    this.#environment = environment;
    this.#handlers = {
      delivery: (channel, row) => rooms().delivered(channel, row),
      ack: (channel, ack) => rooms().acknowledged(channel, ack),
      refusal: (channel, messageId, cause) => rooms().refused(channel, messageId, cause),
      notice: (_channel, op, body) => this.#learn(op, body) ?? void noticed(op),
      announcement: (_channel, file) => this.#follower.announced(file),
    };
    this.#follower = new PortFollower({
      finder,
      changed,
      random: environment.random,
      dial: (endpoint, proven, serverPublic) => this.#dialAsDevice(endpoint, proven, serverPublic),
      attach: async (channel) => {
        await this.#introduce(channel);
        await rooms().attach(channel);
      },
      attached: () => noticed("attached"),
    });
  }

  get status() {
    return { ...this.#follower.status, epoch: this.channel?.epoch ?? null };
  }

  get channel() {
    return this.#follower.channel;
  }

  start() {
    this.#follower.start();
  }

  stop() {
    this.#follower.stop();
  }

  retryNow() {
    this.#follower.retryNow();
  }

  /**
   * Ask the server; a question whose session ends is asked again on the next one.
   * @param {string} op @param {object} [members] @returns {Promise<object>} Raises: the PeerError it answered with.
   */
  async ask(op, members = {}) {
    for (;;) {
      const channel = await this.#follower.ready();
      try {
        return await channel.request(op, members);
      } catch (cause) {
        if (!(cause instanceof ChannelClosed)) throw cause;
      }
    }
  }

  /** A session under these credentials. @returns {Promise<{channel: object, handshake: object}>} Raises: DialFailed. */
  dial(endpoint, credentials, proven) {
    const { openWire } = this.#environment;
    return dialServer({ url: endpoint.url, credentials, handlers: this.#handlers, openWire, proven });
  }

  async #dialAsDevice(endpoint, proven, serverPublic) {
    const { channel, handshake } = await this.#authenticate(endpoint, proven, serverPublic);
    this.#finder.clockOffsetMs = handshake.clockOffsetMs;
    const renewed = handshake.finishedTlvs.get(TLV_DISCOVERY_SECRET);
    if (renewed) await this.#learnSecret({ kid: renewed.slice(0, 8), secret: renewed.slice(8) });
    const statement = handshake.finishedTlvs.get(TLV_SUCCESSION);
    if (statement) await this.#learnSuccession({ statement });
    return channel;
  }

  /**
   * A session under the own key. One that has never worked may have been replaced by an enrolment that was given up and
   * reached the server late; until one works the invitation still opens for this device.
   */
  async #authenticate(endpoint, proven, serverPublic) {
    const account = this.#account;
    try {
      return await this.dial(endpoint, account.credentials({ serverPublic }), proven);
    } catch (cause) {
      if (cause.code !== "refused" || !account.invite) throw cause;
    }
    const { channel, handshake } = await this.dial(endpoint, account.credentials({ byInvite: true }), proven);
    await account.enrolled(handshake.exporter);
    channel.close();
    return this.dial(endpoint, account.credentials(), proven);
  }

  /** Keep what the server renews; undefined when this notice renews nothing. @returns {Promise<void> | undefined} */
  #learn(op, body) {
    // A secret that could not be stored comes again, wrapped in the next file.
    if (op === "secret") return this.#learnSecret(body).catch(() => {});
    return op === "successor" ? this.#learnSuccession(body) : undefined;
  }

  /** Another identity follows the server's; a statement that does not count is passed over. */
  async #learnSuccession({ statement }) {
    if (!(statement instanceof Uint8Array)) return;
    try {
      await this.#account.identities.learn(statement, Math.floor(this.#finder.now / 1000));
    } catch (cause) {
      if (!(cause instanceof PeerError)) throw cause;
    }
  }

  /** The server renewed its secret; a secret that is not the one it is said to be is passed over. */
  async #learnSecret({ kid, secret: bytes }) {
    if (!(kid instanceof Uint8Array) || !(bytes instanceof Uint8Array) || bytes.length !== SECRET_BYTES) return;
    const [secret, now] = [new DiscoverySecret(bytes), Math.floor(this.#finder.now / 1000)];
    if (toHex(keyId(secret)) === toHex(kid)) await this.#account.tellSecret(secret, now);
  }

  /** What the server must know of us before it lets us do anything else. */
  async #introduce(channel) {
    const account = this.#account;
    if (account.invite) await account.update({ invite: null });
    if (!account.isRegistered) {
      const { identity, root_blob } = account.person;
      await channel.request("account.set", { identity, root_blob });
      await account.update({ registered: true });
    }
    if (!account.isNamed) {
      await channel.request("name.set", { name: account.name });
      await account.update({ named: true });
    }
  }
}
