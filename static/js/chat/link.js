// The device's line to the server: one session after the other, and what is asked and told on it.
//
// Spec: 3.3, 3.11, 3.14

import { toHex } from "../bytes.js";
import { dial as dialServer } from "../net/dial.js";
import { ChannelClosed } from "../net/failures.js";
import { PresenceBody } from "../protocol/bodies.js";
import { Malformed, PeerError } from "../protocol/errors.js";
import { keyId } from "../protocol/key_schedule.js";
import { DiscoverySecret } from "../protocol/keys.js";
import { randomShare } from "../discovery/random_share.js";
import { PortFollower } from "../rotation/port_follower.js";
import { Entrance } from "./entrance.js";
import { PairRenewal } from "./pair_renewal.js";

/** Types of TLVs in AUTH_OK: a new discovery secret, `kid[8] || secret[32]`, and a successor statement. Spec: 3.11 */
const [TLV_DISCOVERY_SECRET, TLV_SUCCESSION] = [16, 17];
const SECRET_BYTES = 32;

export class Link {
  #account;
  #finder;
  #environment;
  #follower;
  #handlers;
  #entrance;
  #renewal;

  /**
   * @param {object} parts
   * @param {import("./account.js").Account} parts.account
   * @param {import("../discovery/finder.js").Finder} parts.finder
   * @param {import("./environment.js").Environment} parts.environment
   * @param {() => import("./rooms.js").Rooms} parts.rooms
   * @param {(op: string) => void} parts.noticed told of every notice, and "attached" when a session has taken over
   * @param {(body: import("../protocol/bodies.js").PresenceBody) => void} parts.signalled
   * @param {() => void} parts.changed
   */
  constructor({ account, finder, environment, rooms, noticed, signalled, changed }) {
    this.#account = account;
    this.#finder = finder;
    this.#environment = environment;
    this.#handlers = {
      delivery: (channel, row) => rooms().delivered(channel, row),
      ack: (channel, ack) => rooms().acknowledged(channel, ack),
      refusal: (channel, messageId, cause) => rooms().refused(channel, messageId, cause),
      notice: (channel, op, body) => this.#learn(channel, op, body) ?? void noticed(op),
      signal: (_channel, body) => void signalled(PresenceBody.parse(body)),
      announcement: (_channel, file) => this.#follower.announced(file),
    };
    this.#entrance = new Entrance(account, (...call) => this.dial(...call));
    const now = () => Math.floor(finder.now / 1000);
    this.#renewal = new PairRenewal({ pairs: account.pairs, now, random: environment.random ?? randomShare });
    this.#follower = new PortFollower({
      finder,
      changed,
      random: environment.random,
      dial: (endpoint, proven, serverPublic) => this.#dialAsDevice(endpoint, proven, serverPublic),
      attach: async (channel) => {
        await this.#introduce(channel);
        await rooms().attach(channel);
        this.#renewal.look(channel);
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

  /** The session in use, as soon as there is one. @returns {Promise<object>} */
  ready() {
    return this.#follower.ready();
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
    const [{ url }, { openWire }, suites] = [endpoint, this.#environment, this.#finder.info?.suites];
    return dialServer({ url, credentials, suites, handlers: this.#handlers, openWire, proven });
  }

  async #dialAsDevice(endpoint, proven, serverPublic) {
    const { channel, handshake } = await this.#entrance.enter(endpoint, proven, serverPublic);
    this.#finder.clockOffsetMs = handshake.clockOffsetMs;
    try {
      await this.#learnAtOnce(handshake.finishedTlvs);
    } catch (cause) {
      channel.close();
      throw cause;
    }
    return channel;
  }

  /** Keep what AUTH_OK brought. Raises: malformed. */
  async #learnAtOnce(tlvs) {
    const [renewed, statement] = [tlvs.get(TLV_DISCOVERY_SECRET), tlvs.get(TLV_SUCCESSION)];
    if (renewed) await this.#learnSecret({ kid: renewed.slice(0, 8), secret: renewed.slice(8) });
    if (statement) await this.#learnSuccession({ statement });
  }

  /** Keep what the server renews; undefined when this notice renews nothing. @returns {Promise<void> | undefined} */
  #learn(channel, op, body) {
    // Answered first: what it asks for is asked on the same session.
    if (op === "psk_renew") return Promise.resolve().then(() => void this.#renewal.want(channel));
    // A secret that could not be stored comes again, wrapped in the next file.
    if (op === "secret") return this.#learnSecret(body).catch(unlessMalformed);
    return op === "successor" ? this.#learnSuccession(body) : undefined;
  }

  /** Another identity follows the server's; a statement that does not count is passed over. */
  async #learnSuccession({ statement }) {
    try {
      await this.#account.identities.learn(statement, Math.floor(this.#finder.now / 1000));
    } catch (cause) {
      if (!(cause instanceof PeerError)) throw cause;
    }
  }

  /** The server renewed its secret. Raises: malformed (it is not the one that it is said to be). */
  async #learnSecret({ kid, secret: bytes }) {
    const secret = bytes.length === SECRET_BYTES ? new DiscoverySecret(bytes) : null;
    if (secret === null || toHex(keyId(secret)) !== toHex(kid)) {
      throw new Malformed("a discovery secret under the kid of another");
    }
    await this.#account.tellSecret(secret, Math.floor(this.#finder.now / 1000));
  }

  /** What the server must know of us before it lets us do anything else. */
  async #introduce(channel) {
    const account = this.#account;
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

/** What went wrong with something that the server says anew anyhow, unless it makes no sense at all. */
function unlessMalformed(cause) {
  if (cause instanceof Malformed) throw cause;
}
