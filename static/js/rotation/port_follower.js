// Keeps one live session with the server, whatever its port does.
//
// A move is make before break: a second session on a better port, the rooms resumed on it, and only when it has taken
// over the first one is closed. A lost session is replaced by what `Search` finds, after pauses that grow.
// Spec: 3.9, 3.11, 3.15

import { randomShare } from "../discovery/random_share.js";
import { Current } from "./current.js";
import { reasonOf } from "./endings.js";
import { MovePlan } from "./move_plan.js";
import { Rest } from "./rest.js";
import { Search } from "./search.js";

/** A session that lived shorter may have been ended by something that is still there; the pauses go on growing. */
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
  #rest;
  #current = new Current();
  #endpoint = null;
  #working = null;
  /** Whether a second session is wanted, and whether one try will do. */
  #move = null;
  #mirrorsFirst = false;
  #stopped = true;
  #status = { status: "offline", since: null, problem: null };

  /**
   * @param {object} parts
   * @param {import("../discovery/finder.js").Finder} parts.finder
   * @param {(endpoint: object, proven: Function, pin: object) => Promise<object>} parts.dial a Channel; see `Search`
   * @param {(channel: object) => Promise<void>} parts.attach makes a new session take over the rooms
   * @param {() => void} parts.attached called when it has taken over
   * @param {() => void} parts.changed called when `status` has changed
   */
  constructor({ finder, dial, attach, attached, changed, random = randomShare }) {
    this.#finder = finder;
    this.#search = new Search(finder, dial, (channel) => this.#takeUp(channel));
    this.#attach = attach;
    this.#attached = attached;
    this.#changed = changed;
    const look = () => finder.refresh().then(changed, () => {});
    this.#plan = new MovePlan({ finder, random, look, move: (how) => this.renew(how) });
    this.#rest = new Rest(random);
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
    this.#rest.end();
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
    this.#rest.beginAnew();
    this.#rest.end();
    this.#work();
  }

  /** The server announced where it will be. A file that does not hold what it promises is not followed. */
  async announced(file) {
    await this.#finder.accept(file, null).catch(() => null);
    this.#changed();
    if (!this.#stopped && this.channel) this.#plan.make(this.#endpoint);
  }

  /** Take a second session on a better port, or where there is one, and let it replace this one. */
  renew({ once = false } = {}) {
    if (this.#stopped) return;
    this.#move = { once };
    this.#work();
  }

  // Internal

  get #isSatisfied() {
    return this.#stopped || (this.#current.held !== null && this.#move === null);
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
      await this.#rest.take(this.channel !== null);
      if (this.#isSatisfied) return;
      if (!this.channel) this.#report("connecting", this.#status.problem);
      try {
        await this.#tryOnce();
      } catch (cause) {
        if (cause.code === "revoked") this.stop("revoked");
        if (this.#stopped) return;
        this.#failed(cause);
      }
    }
  }

  /** A move that failed is nothing to show while the session it has goes on. */
  #failed(cause) {
    this.#rest.add(cause.retrySeconds);
    if (!this.channel) return this.#report("offline", cause.code ?? "internal");
    if (this.#move?.once) this.#move = null;
    if (this.#move === null) this.#plan.make(this.#endpoint);
    return this.#report("connected", null);
  }

  async #tryOnce() {
    const [hasSession, mirrorsFirst] = [this.channel !== null, this.#mirrorsFirst];
    this.#mirrorsFirst = false;
    const found = hasSession ? this.#search.another(this.#endpoint) : this.#search.anywhere({ mirrorsFirst });
    const { endpoint, channel } = await found;
    return this.#stopped ? channel.close() : this.#takeOver(endpoint, channel);
  }

  async #takeUp(channel) {
    if (this.channel) {
      this.#report("moving", null);
      await new Promise((resolve) => setTimeout(resolve, SHOWN_MS));
    }
    if (!this.#stopped) await this.#attach(channel);
  }

  #takeOver(endpoint, channel) {
    const before = this.channel;
    this.#current.replace(channel);
    this.#endpoint = endpoint;
    this.#finder.lost = null;
    this.#move = null;
    this.#rest.sessionCame();
    this.#plan.make(endpoint);
    channel.closed.then((end) => this.#lost(channel, end));
    this.#report("connected", null, before ? this.#status.since : Date.now());
    before?.retire();
    this.#attached();
  }

  #lost(channel, end) {
    if (channel !== this.#current.held || this.#stopped) return undefined;
    this.#current.drop();
    this.#plan.drop();
    const wasSteady = Date.now() - this.#status.since >= STEADY_MS;
    const reason = reasonOf(end);
    if (reason === "revoked") return this.stop("revoked");
    this.#finder.lost = this.#endpoint;
    this.#mirrorsFirst = reason === "rediscover";
    this.#report("offline", null);
    // Everybody who was here comes back now: a short pause, another for each.
    this.#rest.add();
    if (wasSteady) this.#rest.beginAnew();
    return this.#work();
  }

  #report(status, problem, since = this.#status.since) {
    const alive = status === "connected" || status === "moving";
    this.#status = { status, problem, since: alive ? since : null };
    this.#changed();
  }
}
