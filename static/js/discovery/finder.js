// Where the server is: the last connection file that was believed, and how to come by a newer one.
//
// A file counts only when a pinned identity signed it, and never when it is older than the one in hand, so no mirror
// can lead a client back to a place that was left.
// Spec: 3.8

import { SealedConnectionFile } from "../protocol/connection_file.js";
import { betterEndpoints, orderEndpoints, placeOf, rememberTime, slowPlaces } from "../protocol/endpoint_choice.js";
import { randomBelow } from "../protocol/primitives.js";
import { toHex } from "../bytes.js";
import { placesOf, weigh, whyNone } from "./belief.js";
import { doubtsOf } from "./doubts.js";
import { askMirrors } from "./mirrors.js";

const RESOLUTION = 2 ** 20;

export class Finder {
  #secrets;
  #learned;
  #pins;
  #locators;
  #fetchBytes;
  #save;
  #info = null;
  #mirror = null;
  #places = [];
  #clockOffsetMs = 0;
  #random;
  #region;
  /** How long servers took to prove themselves. Not kept: the next visit may come from another network. */
  #times = new Map();
  #lost = null;

  /**
   * @param {object} parts
   * @param {() => Map<string, import("../protocol/keys.js").DiscoverySecret>} parts.secrets by the hex of their `kid`,
   *   the one in force first
   * @param {(secret: import("../protocol/keys.js").DiscoverySecret) => Promise<void>} parts.learned told which secret is
   *   in force when a believed file says that it is another one
   * @param {import("../protocol/keys.js").IdentityPublic[]} parts.pins
   * @param {string[]} parts.locators URLs of the invitation
   * @param {(url: string, limits: object) => Promise<Uint8Array>} parts.fetchBytes
   * @param {(kept: {file: Uint8Array, mirror: string | null}) => Promise<void>} parts.save
   * @param {string} [parts.region] whose ports we take first, when the server names any
   * @param {() => number} [parts.random] from 0 up to 1
   */
  constructor({ secrets, learned, pins, locators, fetchBytes, save, region = "", random = randomShare }) {
    this.#secrets = secrets;
    this.#learned = learned;
    this.#pins = pins;
    this.#locators = locators;
    this.#fetchBytes = fetchBytes;
    this.#save = save;
    this.#region = region;
    this.#random = random;
  }

  /** @returns {import("../protocol/connection_info.js").ConnectionInfo | null} */
  get info() {
    return this.#info;
  }

  /** The URL the file came from; null when the server itself sent it. */
  get mirror() {
    return this.#mirror;
  }

  /** What became of each place when they were last asked. @returns {{host: string, code: string | null}[]} */
  get places() {
    return this.#places;
  }

  /** Those of them that gave what is not to be believed. @returns {{host: string, code: string | null}[]} */
  get doubts() {
    return doubtsOf(this.#places, this.#info ? this.now / 1000 - this.#info.timestamp : Infinity);
  }

  /** The authenticated difference between the server's clock and ours. @param {number} milliseconds */
  set clockOffsetMs(milliseconds) {
    this.#clockOffsetMs = milliseconds;
  }

  /** The server's time, as far as we know it, in ms. */
  get now() {
    return Date.now() + this.#clockOffsetMs;
  }

  /**
   * Chat ports to try, in the order in which to dial them.
   * @returns {import("../protocol/connection_info.js").Endpoint[]}
   */
  endpoints() {
    return this.#order(this.#info?.endpoints ?? []);
  }

  /** Where to go from this endpoint, best first; nothing when it is where we should be. */
  better({ url }) {
    return this.#info ? this.#order(betterEndpoints(url, this.#info)) : [];
  }

  /** This endpoint as the newest file lists it, or null. */
  listed({ url }) {
    return this.#info?.endpoints.find((endpoint) => endpoint.url === url) ?? null;
  }

  /** A server proved itself in this time; a slow one is avoided for a while. */
  proved(endpoint, milliseconds) {
    this.#times = rememberTime(this.#times, endpoint, Math.round(milliseconds), Math.floor(this.now / 1000));
  }

  /** The endpoint that a session was just lost from, null when there is another session. */
  set lost(endpoint) {
    this.#lost = endpoint;
  }

  /** The file that was kept; one that does not open any more is passed over. */
  async restore(kept) {
    if (!kept) return;
    try {
      this.#info = (await this.#open(kept.file)).info;
      this.#mirror = kept.mirror;
    } catch {
      this.#info = null;
    }
  }

  /**
   * Believe this file, when it is one to believe.
   * @param {Uint8Array} file @param {string | null} mirror where it came from
   * Raises: malformed, unauthentic, unknown_peer, replayed, forked ...
   */
  async accept(file, mirror) {
    const [refusal] = await this.#believe([{ url: mirror, file, ...(await this.#open(file)) }]);
    if (refusal) throw refusal.cause;
  }

  /** Ask the mirrors. Raises: unavailable; what was wrong with the only files they had. */
  async refresh() {
    const urls = [...new Set([...(this.#info?.urls ?? []), ...this.#locators])];
    const opened = new Map();
    const judge = async ({ url, file }) => opened.set(url, { url, file, ...(await this.#open(file)) });
    const { found, failed } = await askMirrors(urls, { fetchBytes: this.#fetchBytes }, judge);
    const candidates = found.map(({ url }) => opened.get(url));
    const refused = await this.#believe(candidates);
    this.#places = placesOf(candidates, refused, failed);
    if (candidates.length === 0) throw whyNone(failed);
    if (refused.length === candidates.length) throw refused[0].cause;
  }

  /** Spec: 3.15 */
  #order(endpoints) {
    const now = Math.floor(this.now / 1000);
    const slow = slowPlaces(endpoints, this.#times, now);
    if (this.#lost) slow.add(placeOf(this.#lost));
    return orderEndpoints(endpoints, { now, draws: endpoints.map(() => this.#random()), slow, region: this.#region });
  }

  async #open(file) {
    const sealed = SealedConnectionFile.parse(file);
    const secret = this.#secrets().get(toHex(sealed.kid));
    return { secret, info: await sealed.open(this.#secrets(), this.#pins) };
  }

  /** Go on with the newest of these, if there is one; the answer: what spoke against others. */
  async #believe(candidates) {
    const { serial = 0, digest = new Uint8Array() } = this.#info ?? {};
    const seen = { lastSerial: serial, lastDigest: digest, now: Math.floor(this.now / 1000) };
    const { chosen, refused } = weigh(candidates, seen);
    if (chosen) await this.#keep(chosen, chosen.info.serial !== serial);
    return refused;
  }

  async #keep({ info, secret, file, url }, isNew) {
    this.#info = info;
    this.#mirror = url;
    if (!isNew) return;
    // Before the file: one that is kept and cannot be opened would be of no use.
    const [inForce] = this.#secrets().values();
    if (!inForce?.equals(secret)) await this.#learned(secret);
    await this.#save({ file, mirror: url });
  }
}

function randomShare() {
  return randomBelow(RESOLUTION) / RESOLUTION;
}
