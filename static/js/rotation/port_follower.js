// Keeps one live session with the server, whatever its port does.
//
// A move is make before break: a second session on the announced port, the rooms resumed on it, and only when it has
// taken over the first one is closed. A lost session is replaced by what `Search` finds, after pauses that grow.
// Spec: 3.9, 3.11

import { Backoff, randomShare } from "./backoff.js";
import { Current } from "./current.js";
import { endedBy, reasonOf } from "./endings.js";
import { MovePlan } from "./move_plan.js";
import { Pause } from "./pause.js";
import { Search } from "./search.js";

/** A session that lived shorter may have been ended by something that is still there; the next one waits a little. */
const STEADY_MS = 10_000;

/** A move is shown this long before it is done, so that what is written meanwhile is seen to go over. */
const SHOWN_MS = 150;

export class PortFollower {
  #finder;
  #search;
  #attach;
  #attached;
  #changed;
  #plan;
  #backoff;
  #pause = new Pause();
  #current = new Current();
  #endpoint = null;
  #working = null;
  #mustMove = false;
  #mirrorsFirst = false;
  #mustRest = false;
  #stopped = true;
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
    this.#plan = new MovePlan(finder, random, () => this.renew());
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
    this.#plan.drop();
    this.#pause.end();
    this.channel?.close();
    this.#current.drop();
    this.#report("offline", problem);
  }

  /** @returns {{status: string, since: number | null, problem: string | null, endpoint: object | null}} */
  get status() {
    return { ...this.#status, endpoint: this.#endpoint };
  }

  /** The session in use, or null. */
  get channel() {
    return this.#current.open;
  }

  /** The session in use, as soon as there is one. @returns {Promise<object>} */
  ready() {
    return this.#current.ready();
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
    if (!this.#stopped) this.#plan.make(this.#endpoint);
  }

  /** Take a second session on the best port and let it replace this one. */
  renew() {
    if (this.#stopped) return;
    this.#mustMove = true;
    this.#work();
  }

  // Internal

  get #isSatisfied() {
    return this.#stopped || (this.#current.held !== null && !this.#mustMove);
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
      if (!this.channel) this.#report("connecting", this.#status.problem);
      try {
        await this.#tryOnce();
      } catch (cause) {
        if (cause.code === "revoked") this.stop("revoked");
        if (this.#stopped) return;
        // A move that failed is nothing to show while the session it has goes on.
        if (this.channel) this.#report("connected", null);
        else this.#report("offline", cause.code ?? "internal");
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
      if (this.channel) await this.#showMove();
      if (!this.#stopped) await this.#attach(channel);
    } catch (cause) {
      throw await endedBy(channel, cause);
    }
    return this.#stopped ? channel.close() : this.#takeOver(endpoint, channel);
  }

  #showMove() {
    this.#report("moving", null);
    return this.#pause.wait(SHOWN_MS);
  }

  #takeOver(endpoint, channel) {
    const before = this.channel;
    this.#current.replace(channel);
    this.#endpoint = endpoint;
    this.#mustMove = false;
    this.#plan.drop();
    channel.closed.then((end) => this.#lost(channel, end));
    this.#report("connected", null, before ? this.#status.since : Date.now());
    before?.retire();
    this.#attached();
  }

  #lost(channel, { code, farewell }) {
    if (channel !== this.#current.held || this.#stopped) return undefined;
    this.#current.drop();
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
