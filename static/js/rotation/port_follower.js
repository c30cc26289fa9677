// Keeps one live session with the server, whatever its port does.
//
// A move is make before break: the announced port gets a second session, the rooms are resumed on it, it takes over, and
// only then the first one is closed. A session that is lost is replaced by whatever `Search` finds, after a pause that
// grows with every failure.
// Spec: 3.9, 3.11

import { errorFor, PeerError } from "../protocol/errors.js";
import { Backoff } from "./backoff.js";
import { Pause } from "./pause.js";
import { Search } from "./search.js";

/** Nobody moves later than this after the announcement, however long the old port lives. */
const LATEST_MOVE_MS = 60_000;

export class PortFollower {
  #finder;
  #search;
  #attach;
  #changed;
  #random;
  #backoff;
  #pause = new Pause();
  #current = null;
  #endpoint = null;
  #working = null;
  #mustMove = false;
  #mirrorsFirst = false;
  #stopped = true;
  #moveTimer;
  #waiters = [];
  #status = { status: "offline", since: null, problem: null };

  /**
   * @param {object} parts
   * @param {import("../discovery/finder.js").Finder} parts.finder
   * @param {(endpoint: object) => Promise<object>} parts.dial gives a Channel, or raises an error with a `code`
   * @param {(channel: object) => Promise<void>} parts.attach makes a new session take over the rooms
   * @param {() => void} parts.changed called when `status` has changed
   */
  constructor({ finder, dial, attach, changed, random = Math.random }) {
    this.#finder = finder;
    this.#search = new Search(finder, dial);
    this.#attach = attach;
    this.#changed = changed;
    this.#random = random;
    this.#backoff = new Backoff(random);
  }

  // Lifecycle

  start() {
    this.#stopped = false;
    this.#work();
  }

  /** @param {string | null} problem the code of what made an end of it */
  stop(problem = null) {
    this.#stopped = true;
    clearTimeout(this.#moveTimer);
    this.#pause.end();
    this.#current?.close();
    this.#current = null;
    this.#report("offline", problem);
  }

  /** @returns {{status: string, since: number | null, problem: string | null, endpoint: object | null}} */
  get status() {
    return { ...this.#status, endpoint: this.#endpoint };
  }

  /** The session in use, or null. */
  get channel() {
    return this.#current?.isOpen ? this.#current : null;
  }

  /** The session in use, as soon as there is one. @returns {Promise<object>} */
  ready() {
    return this.channel ? Promise.resolve(this.channel) : new Promise((resolve) => this.#waiters.push(resolve));
  }

  // Actions

  /** Try again now instead of after the pause. */
  retryNow() {
    this.#backoff.reset();
    this.#pause.end();
    this.#work();
  }

  /** The server announced where it will be. A file that does not hold what it promises is not followed. */
  async announced(file) {
    await this.#finder.accept(file, null).catch(() => null);
    this.#changed();
    const [best] = this.#finder.endpoints();
    if (this.#stopped || !best || best.url === this.#endpoint?.url) return;
    clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(() => this.renew(), this.#moveDelay());
  }

  /** Take a second session on the best port and let it replace this one. */
  renew() {
    if (this.#stopped) return;
    this.#mustMove = true;
    this.#work();
  }

  // Internal

  /** Clients of one server must not all move in one moment, nor wait until the old port is about to close. */
  #moveDelay() {
    const left = Math.max(0, (this.#endpoint?.validUntil ?? 0) * 1000 - Date.now());
    return this.#random() * Math.min(left / 3, LATEST_MOVE_MS);
  }

  get #isSatisfied() {
    return this.#stopped || (this.channel !== null && !this.#mustMove);
  }

  /** One search at a time; what happens during the last moment of one starts the next. */
  #work() {
    this.#working ??= this.#tryUntilSatisfied().then(() => {
      this.#working = null;
      if (!this.#isSatisfied) this.#work();
    });
  }

  async #tryUntilSatisfied() {
    while (!this.#isSatisfied) {
      this.#report(this.channel ? "moving" : "connecting", this.#status.problem);
      try {
        await this.#tryOnce();
        this.#backoff.reset();
      } catch (cause) {
        if (cause.code === "revoked") return this.stop("revoked");
        if (this.#stopped) return undefined;
        this.#report(this.channel ? "moving" : "offline", cause.code ?? "internal");
        await this.#pause.wait(this.#backoff.next());
      }
    }
    return undefined;
  }

  async #tryOnce() {
    const how = { onlyBest: this.channel !== null, mirrorsFirst: this.#mirrorsFirst };
    this.#mirrorsFirst = false;
    const { endpoint, channel } = await this.#search.find(how);
    try {
      if (!this.#stopped) await this.#attach(channel);
    } catch (cause) {
      channel.close();
      throw cause;
    }
    return this.#stopped ? channel.close() : this.#takeOver(endpoint, channel);
  }

  #takeOver(endpoint, channel) {
    const before = this.channel;
    this.#current = channel;
    this.#endpoint = endpoint;
    this.#mustMove = false;
    channel.closed.then((end) => this.#lost(channel, end));
    this.#report("connected", null, before ? this.#status.since : Date.now());
    for (const resolve of this.#waiters.splice(0)) resolve(channel);
    before?.retire();
  }

  #lost(channel, { code, farewell }) {
    if (channel !== this.#current || this.#stopped) return undefined;
    this.#current = null;
    const reason = reasonOf(code, farewell);
    if (reason === "revoked") return this.stop("revoked");
    this.#mirrorsFirst = reason === "rediscover";
    this.#report("offline", null);
    return this.#work();
  }

  #report(status, problem, since = this.#status.since) {
    const alive = status === "connected" || status === "moving";
    this.#status = { status, problem, since: alive ? since : null };
    this.#changed();
  }
}

/** The code a session ended with, or null when nothing is wrong or nothing was said. */
function reasonOf(code, farewell) {
  const number = code > 4400 && code < 4500 ? code - 4400 : (farewell?.number ?? 0);
  const error = number === 0 ? null : errorFor(number);
  return error instanceof PeerError ? error.code : null;
}
