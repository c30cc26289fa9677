// Where the server is: the last connection file that was believed, and how to come by a newer one.
//
// A file counts only when a pinned identity signed it, and never when it is older than the one in hand, so no mirror
// can lead a client back to a place that was left.
// Spec: 3.8

import { betterEndpoints } from "../protocol/endpoint_choice.js";
import { placesOf, weigh, whyNone } from "./belief.js";
import { DialOrder } from "./dial_order.js";
import { doubtsOf } from "./doubts.js";
import { FileKeeper } from "./file_keeper.js";
import { ListKeeper } from "./list_keeper.js";
import { askMirrors } from "./mirrors.js";
import { randomShare } from "./random_share.js";
import { ServerClock } from "./server_clock.js";
import { Trust } from "./trust.js";

export class Finder {
  #trust;
  #locators;
  #fetchBytes;
  #info = null;
  /** The last file believed; not forgotten when the file itself opens no more. */
  #seen = { serial: 0, digest: new Uint8Array() };
  #mirror = null;
  #places = [];
  #clock = new ServerClock();
  #order;
  #files;
  #lists;

  /**
   * @param {object} parts also what `Trust` takes
   * @param {string[]} parts.locators URLs of the invitation
   * @param {(url: string, limits: object) => Promise<Uint8Array>} parts.fetchBytes
   * @param {(kept: object) => Promise<void>} parts.save `restore` takes it
   * @param {string} [parts.region] whose ports we take first, when the server names any
   * @param {() => number} [parts.random] from 0 up to 1
   */
  constructor({ locators, fetchBytes, save, region = "", random = randomShare, ...trust }) {
    this.#trust = new Trust(trust);
    this.#files = new FileKeeper(this.#trust, save);
    this.#lists = new ListKeeper(this.#trust, fetchBytes);
    this.#locators = locators;
    this.#fetchBytes = fetchBytes;
    this.#order = new DialOrder(region, random);
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
    return doubtsOf(this.#places, this.#clock.ageOf(this.#info));
  }

  /** The identities of the server that are believed now, the one to go by first. Raises: revoked. */
  async pins() {
    await this.#trust.check(this.#clock.told);
    return this.#trust.pins;
  }

  /** The authenticated difference between the server's clock and ours. @param {number} milliseconds */
  set clockOffsetMs(milliseconds) {
    this.#clock.offsetMs = milliseconds;
  }

  /** The server's time, as far as we know it, in ms. */
  get now() {
    return this.#clock.now;
  }

  /**
   * Chat ports to try, in the order in which to dial them.
   * @returns {import("../protocol/connection_info.js").Endpoint[]}
   */
  endpoints() {
    return this.#order.of(this.#info?.endpoints ?? [], this.#clock.seconds);
  }

  /** Where to go from this endpoint, best first; nothing when it is where we should be. */
  better({ url }) {
    return this.#info ? this.#order.of(betterEndpoints(url, this.#info), this.#clock.seconds) : [];
  }

  /** This endpoint as the newest file lists it, or null. */
  listed({ url }) {
    return this.#info?.endpoints.find((endpoint) => endpoint.url === url) ?? null;
  }

  /** A server proved itself in this time; a slow one is avoided for a while. */
  proved(endpoint, milliseconds) {
    this.#order.proved(endpoint, milliseconds, this.#clock.seconds);
  }

  /** The endpoint that a session was just lost from, null when there is another session. */
  set lost(endpoint) {
    this.#order.lost = endpoint;
  }

  /** Called when the list says that the server or this device counts no more. @param {() => void} tell */
  set whenRevoked(tell) {
    this.#lists.whenRevoked = tell;
  }

  /** What was saved: the file, and the list; what does not open any more is passed over. */
  async restore(kept, revocations = null) {
    await this.#trust.restore(revocations);
    if (!kept) return;
    const { file, mirror, ...seen } = kept;
    this.#seen = { ...this.#seen, ...seen };
    try {
      this.#info = (await this.#trust.open(file, { isKept: true })).info;
      [this.#mirror, this.#seen] = [mirror, this.#info];
      this.#files.restored(this.#info);
    } catch {
      this.#info = null;
    }
  }

  /**
   * Believe this file, when it is one to believe.
   * @param {Uint8Array} file @param {string | null} mirror where it came from
   * Raises: malformed, unauthentic, unknown_peer, replayed, forked, revoked ...
   */
  async accept(file, mirror) {
    await this.#trust.check(this.#clock.told);
    await this.#believe([await this.#examine({ url: mirror, file })]);
  }

  /**
   * Ask the mirrors. Raises: unavailable; what was wrong with the only files they had; revoked.
   * @param {(endpoints: object[]) => void} [tell] is told, best first, what ports a file names as soon as it came: they
   *   can be tried, since whoever answers there has to prove itself; which file is believed all places decide
   */
  async refresh(tell = () => {}) {
    await this.#trust.check(this.#clock.told);
    const opened = new Map();
    const judge = async (answer) => {
      const candidate = await this.#examine(answer);
      opened.set(answer.url, candidate);
      if (!candidate.info.isCurrent(this.#clock.seconds) || !this.#trust.isInForce(candidate.secret)) return;
      tell(this.#order.of(candidate.info.endpoints, this.#clock.seconds));
    };
    const { found, failed } = await askMirrors(this.#urls, { fetchBytes: this.#fetchBytes }, judge);
    const candidates = found.map(({ url }) => opened.get(url));
    const refused = await this.#believe(candidates);
    this.#places = placesOf(candidates, refused, failed, this.#info?.serial ?? 0);
    if (refused.length === candidates.length) throw refused[0]?.cause ?? whyNone(failed, this.#clock.ageOf(this.#info));
  }

  /** Ask for nothing more by itself. */
  close() {
    this.#lists.close();
  }

  get #urls() {
    return [...new Set([...(this.#info?.urls ?? []), ...this.#locators])];
  }

  /** What the file says. One older than ours is refused at once: it must hurry no place that has a newer one. */
  async #examine({ url, file }) {
    const candidate = { url, file, ...(await this.#trust.open(file)) };
    const [refusal] = weigh([candidate], this.#last).refused;
    if (refusal) throw refusal.cause;
    return candidate;
  }

  /** Go on with the newest of these, if there is one; the answer: what spoke against others. */
  async #believe(candidates) {
    const { chosen, refused } = weigh(candidates, this.#last);
    if (chosen) await this.#goBy(chosen);
    return refused;
  }

  get #last() {
    const { serial: lastSerial, digest: lastDigest } = this.#seen;
    return { lastSerial, lastDigest, now: this.#clock.seconds };
  }

  async #goBy(candidate) {
    const { info, url } = candidate;
    [this.#info, this.#seen, this.#mirror] = [info, info, url];
    const kept = this.#files.keep(candidate);
    this.#lists.believed(info, this.#urls);
    await kept;
  }
}
