// Keeps one live session with the server, whatever its port does.
//
// A move is make before break: a second session on the announced port, the rooms resumed on it, and only when it has taken
// over the first one is closed. A lost session is replaced by what `Search` finds, after pauses that grow.
// Spec: 3.9, 3.11

import { Backoff, randomShare } from "./backoff.js";
import { endedBy, reasonOf } from "./endings.js";
import { Pause } from "./pause.js";
import { Search } from "./search.js";

/** A session that lived shorter may have been ended by something that is still there; the next one waits a little. */
const STEADY_MS = 10_000;

/** Nobody moves later than this after the announcement, however long the old port lives. */
const LATEST_MOVE_MS = 60_000;

export class PortFollower {
  #finder;
  #search;
  #attach;
  #attached;
  #changed;
  #random;
  #backoff;
  #pause = new Pause();
  #current = null;
  #endpoint = null;
  #working = null;
  #mustMove = false;
  #mirrorsFirst = false;
  #mustRest = false;
  #stopped = true;
  #moveTimer;
  #waiters = [];
  #status = { status: "offline", since: null, problem: null };

  /**
   * @param {object} parts
   * @param {import("../discovery/finder.js").Finder} parts.finder
   * @param {(endpoint: object) => Promise<object>} parts.dial gives a Channel, or raises an error with a `code`
   * @param {(channel: object) => Promise<void>} parts.attach makes a new session take over the rooms
   * @param {() => void} parts.attached called when it has taken over
   * @param {() => void} parts.changed called when `status` has changed
   */
  constructor({ finder, dial, attach, attached, changed, random = randomShare }) {
    this.#finder = finder;
    this.#search = new Search(finder, dial);
    this.#attach = attach;
    this.#attached = attached;
    this.#changed = changed;
    this.#random = random;
    this.#backoff = new Backoff(random);
  }

  // Lifecycle

  start() {
    this.#stopped = false;
    this.#work();
  }

  /** @param {string | null} problem a code */
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
    if (this.#stopped || !this.#knowsBetter) return;
    clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(() => this.#knowsBetter && this.renew(), this.#moveDelay());
  }

  /** Take a second session on the best port and let it replace this one. */
  renew() {
    if (this.#stopped) return;
    this.#mustMove = true;
    this.#work();
  }

  // Internal

  get #knowsBetter() {
    const [best] = this.#finder.endpoints();
    return best !== undefined && best.url !== this.#endpoint?.url;
  }

  /** Clients of one server must not all move in one moment, nor wait until the old port is about to close. */
  #moveDelay() {
    const left = Math.max(0, (this.#endpoint?.validUntil ?? 0) * 1000 - this.#finder.now);
    return this.#random() * Math.min(left / 3, LATEST_MOVE_MS);
  }

  get #isSatisfied() {
    return this.#stopped || (this.#current !== null && !this.#mustMove);
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
      if (this.#mustRest) await this.#rest();
      this.#report(this.channel ? "moving" : "connecting", this.#status.problem);
      try {
        await this.#tryOnce();
      } catch (cause) {
        if (cause.code === "revoked") this.stop("revoked");
        if (this.#stopped) return;
        this.#report(this.channel ? "moving" : "offline", cause.code ?? "internal");
        this.#mustRest = true;
      }
    }
  }

  #rest() {
    this.#mustRest = false;
    return this.#pause.wait(this.#backoff.next());
  }

  async #tryOnce() {
    const how = { onlyBest: this.channel !== null, mirrorsFirst: this.#mirrorsFirst };
    this.#mirrorsFirst = false;
    const { endpoint, channel } = await this.#search.find(how);
    try {
      if (!this.#stopped) await this.#attach(channel);
    } catch (cause) {
      throw await endedBy(channel, cause);
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
    this.#attached();
  }

  #lost(channel, { code, farewell }) {
    if (channel !== this.#current || this.#stopped) return undefined;
    this.#current = null;
    const wasSteady = Date.now() - this.#status.since >= STEADY_MS;
    const reason = reasonOf(code, farewell);
    if (reason === "revoked") return this.stop("revoked");
    this.#mirrorsFirst = reason === "rediscover";
    this.#report("offline", null);
    if (wasSteady) return this.retryNow();
    this.#mustRest = true;
    return this.#work();
  }

  #report(status, problem, since = this.#status.since) {
    const alive = status === "connected" || status === "moving";
    this.#status = { status, problem, since: alive ? since : null };
    this.#changed();
  }
}
