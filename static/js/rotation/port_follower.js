// Keeps one live session with the server, whatever its port does.
//
// A move is make before break: the announced port gets a second session, the rooms are resumed on it, it takes over, and
// only then the first one is closed. When the session is lost instead, the ports of the last connection file are tried,
// then the mirrors, then again after a pause that grows.
// Spec: 3.8, 3.9, 3.11

import { Backoff } from "./backoff.js";
import { Pause } from "./pause.js";

const CLOSE_REDISCOVER = 4409;
const CLOSE_REVOKED = 4410;

/** Nobody moves later than this after the announcement, however long the old port lives. */
const LATEST_MOVE_MS = 60_000;

export class PortFollower {
  #finder;
  #dial;
  #attach;
  #changed;
  #random;
  #backoff;
  #pause = new Pause();
  #current = null;
  #endpoint = null;
  #working = null;
  #mustMove = false;
  #mustRefresh = false;
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
    this.#dial = dial;
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

  stop(code = null) {
    this.#stopped = true;
    clearTimeout(this.#moveTimer);
    this.#pause.end();
    this.#current?.close();
    this.#current = null;
    this.#report("offline", code);
  }

  /** @returns {{status: string, since: number | null, problem: string | null, endpoint: object | null}} */
  get status() {
    return { ...this.#status, endpoint: this.#endpoint };
  }

  get channel() {
    return this.#current?.isOpen ? this.#current : null;
  }

  /** The session that has taken over, as soon as there is one. @returns {Promise<object>} */
  ready() {
    const channel = this.channel;
    return channel ? Promise.resolve(channel) : new Promise((resolve) => this.#waiters.push(resolve));
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
    if (this.#stopped || !this.#hasBetterEndpoint()) return;
    clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(() => this.#move(), this.#moveDelay());
  }

  /** Take a fresh session, for instance because the keys of this one have done enough. */
  renew() {
    this.#move();
  }

  // Internal

  #move() {
    if (this.#stopped) return;
    this.#mustMove = true;
    this.#work();
  }

  /** Clients of one server must not all move in one moment, nor wait until the old port is about to close. */
  #moveDelay() {
    const left = Math.max(0, (this.#endpoint?.validUntil ?? 0) * 1000 - Date.now());
    return this.#random() * Math.min(left / 3, LATEST_MOVE_MS);
  }

  #hasBetterEndpoint() {
    const best = this.#finder.endpoints()[0];
    return best !== undefined && best.url !== this.#endpoint?.url;
  }

  get #isSatisfied() {
    return this.#stopped || (this.channel !== null && !this.#mustMove);
  }

  #work() {
    this.#working ??= this.#tryUntilSatisfied().finally(() => (this.#working = null));
    return this.#working;
  }

  async #tryUntilSatisfied() {
    while (!this.#isSatisfied) {
      this.#report(this.channel ? "moving" : "connecting", this.#status.problem);
      const problem = await this.#tryOnce();
      if (problem === null) {
        this.#backoff.reset();
      } else if (problem === "revoked") {
        this.stop(problem);
      } else if (!this.#stopped) {
        this.#report(this.channel ? "moving" : "offline", problem);
        await this.#pause.wait(this.#backoff.next());
      }
    }
  }

  /** @returns {Promise<string | null>} a code, or null when a session took over */
  async #tryOnce() {
    let problem = "unreachable";
    if (!this.#mustRefresh) {
      problem = await this.#tryEach(this.#finder.endpoints());
      if (problem === null) return null;
    }
    const known = new Set(this.#mustRefresh ? [] : this.#finder.endpoints().map((endpoint) => endpoint.url));
    this.#mustRefresh = false;
    try {
      await this.#finder.refresh();
    } catch (cause) {
      return problem === "unreachable" ? cause.code ?? "unreachable" : problem;
    }
    const news = this.#finder.endpoints().filter((endpoint) => !known.has(endpoint.url));
    return news.length > 0 ? this.#tryEach(news) : problem;
  }

  async #tryEach(endpoints) {
    let problem = "unreachable";
    for (const endpoint of endpoints) {
      if (this.#stopped) return problem;
      try {
        await this.#takeOver(endpoint, await this.#dial(endpoint));
        return null;
      } catch (cause) {
        problem = cause.code ?? "internal";
        if (problem === "revoked") return problem;
      }
    }
    return problem;
  }

  async #takeOver(endpoint, channel) {
    await this.#attach(channel);
    const before = this.#current;
    this.#current = channel;
    this.#endpoint = endpoint;
    this.#mustMove = false;
    channel.closed.then((end) => this.#lost(channel, end));
    this.#report("connected", null, before?.isOpen ? this.#status.since : Date.now());
    for (const resolve of this.#waiters.splice(0)) resolve(channel);
    if (before?.isOpen) before.retire();
  }

  #lost(channel, { code, farewell }) {
    if (channel !== this.#current || this.#stopped) return;
    this.#current = null;
    if (code === CLOSE_REVOKED || farewell?.number === CLOSE_REVOKED - 4400) return this.stop("revoked");
    if (code === CLOSE_REDISCOVER || farewell?.number === CLOSE_REDISCOVER - 4400) this.#mustRefresh = true;
    this.#report("offline", null);
    this.#work();
  }

  #report(status, problem, since = null) {
    this.#status = { status, problem, since: status === "connected" ? since : this.#status.since };
    if (status === "offline" || status === "connecting") this.#status.since = null;
    this.#changed();
  }
}
