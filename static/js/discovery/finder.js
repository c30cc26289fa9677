// Where the server is: the last connection file that was believed, and how to come by a newer one.
//
// A file counts only when a pinned identity signed it, and never when it is older than the one in hand, so no mirror
// can lead a client back to a place that was left.
// Spec: 3.8

import { SealedConnectionFile } from "../protocol/connection_file.js";
import { betterEndpoints, orderEndpoints, placeOf, rememberTime, slowPlaces } from "../protocol/endpoint_choice.js";
import { chooseFreshest } from "../protocol/freshness.js";
import { randomBelow } from "../protocol/primitives.js";
import { askMirrors } from "./mirrors.js";

const RESOLUTION = 2 ** 20;

export class Finder {
  #discoverySecret;
  #pins;
  #locators;
  #fetchBytes;
  #save;
  #info = null;
  #mirror = null;
  #clockOffsetMs = 0;
  #random;
  #region;
  /** How long servers took to prove themselves. Not kept: the next visit may come from another network. */
  #times = new Map();
  #lost = null;

  /**
   * @param {object} parts
   * @param {() => import("../protocol/keys.js").DiscoverySecret} parts.discoverySecret the one in force
   * @param {import("../protocol/keys.js").IdentityPublic[]} parts.pins
   * @param {string[]} parts.locators URLs of the invitation
   * @param {(url: string, limits: object) => Promise<Uint8Array>} parts.fetchBytes
   * @param {(kept: {file: Uint8Array, mirror: string | null}) => Promise<void>} parts.save
   * @param {string} [parts.region] whose ports we take first, when the server names any
   * @param {() => number} [parts.random] from 0 up to 1
   */
  constructor({ discoverySecret, pins, locators, fetchBytes, save, region = "", random = randomShare }) {
    this.#discoverySecret = discoverySecret;
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
      this.#info = await this.#open(kept.file);
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
    await this.#keepFreshest([{ info: await this.#open(file), file, url: mirror }]);
  }

  /** Ask the mirrors. Raises: FetchFailed; what was wrong with the only files they had. */
  async refresh() {
    const urls = [...new Set([...(this.#info?.urls ?? []), ...this.#locators])];
    const found = await askMirrors(urls, this.#fetchBytes);
    const open = async (each) => ({ ...each, info: await this.#open(each.file) });
    const opened = await Promise.allSettled(found.map(open));
    const good = opened.filter((result) => result.status === "fulfilled").map((result) => result.value);
    if (good.length === 0) throw opened[0].reason;
    await this.#keepFreshest(good);
  }

  /** Spec: 3.15 */
  #order(endpoints) {
    const now = Math.floor(this.now / 1000);
    const slow = slowPlaces(endpoints, this.#times, now);
    if (this.#lost) slow.add(placeOf(this.#lost));
    return orderEndpoints(endpoints, { now, draws: endpoints.map(() => this.#random()), slow, region: this.#region });
  }

  #open(file) {
    return SealedConnectionFile.parse(file).open(this.#discoverySecret(), this.#pins);
  }

  async #keepFreshest(candidates) {
    const seen = {
      lastSerial: this.#info?.serial ?? 0,
      lastDigest: this.#info?.digest ?? new Uint8Array(),
      now: Math.floor(this.now / 1000),
    };
    const info = chooseFreshest(candidates.map((candidate) => candidate.info), seen);
    const isNew = info.serial !== this.#info?.serial;
    const { file, url } = candidates.find((candidate) => candidate.info === info);
    this.#info = info;
    this.#mirror = url;
    if (isNew) await this.#save({ file, mirror: url });
  }
}

function randomShare() {
  return randomBelow(RESOLUTION) / RESOLUTION;
}
