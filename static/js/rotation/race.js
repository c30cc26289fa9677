// Dialling several endpoints: the first that proves to be our server goes on, the others are let go.
//
// Spec: 3.15

import { DialFailed } from "../net/failures.js";

/** Nobody waits longer for a port that drops packets, or that accepts and is mute, before the next one is dialled too. */
const PATIENCE_MS = 1500;
/** So many silent ports, and the mirrors are asked beside the next: routers drop what goes to ports that moved on. */
const MOST_SILENCES = 2;
/** How long one that has proven itself waits for another to fail; its server does not wait for ever either. */
const TURN_MS = 3000;
/** What a place says about us, when every port is silent. */
const ABOUT_US = ["unknown_peer", "identity_replaced"];
/** In the queue of endpoints: ask for more of them. */
const LOOK = Symbol("look");

export class Race {
  #dial;
  #look;
  #patienceMs;
  #turn = new Turn();
  #queue = [];
  #seen = new Set();
  #running = 0;
  #silences = 0;
  #problem = null;
  #settle = null;
  #timer;

  /**
   * @param {(endpoint: object, proven: () => Promise<void>) => Promise<object>} dial awaits `proven` before it says who
   *   we are: one dial of a race does so at a time, so the device never has a session too many
   * @param {((tell: (endpoints: object[]) => void) => Promise<object[]>) | null} [look] finds further endpoints, and
   *   tells of some before it has them all: tried when the others were, or first when a tripwire says that our file is
   *   old; it goes on after the race
   */
  constructor(dial, look = null, patienceMs = PATIENCE_MS) {
    this.#dial = dial;
    this.#look = look;
    this.#patienceMs = patienceMs;
  }

  /**
   * What the first dial gave that went through.
   * @param {object[]} endpoints @param {{lookFirst?: boolean}} [how] @returns {Promise<object>}
   * Raises: `revoked` from anywhere and at once; `limit` when a server was full; what went wrong last.
   */
  run(endpoints, { lookFirst = false } = {}) {
    this.#lineUp(endpoints, (each) => this.#queue.push(...each));
    if (this.#look) this.#queue.splice(lookFirst ? 0 : this.#queue.length, 0, LOOK);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#goOn();
    });
  }

  /** Begin with the next one, if that is due or nobody else runs, unless somebody has proven to be our server. */
  #goOn(isDue = true) {
    clearTimeout(this.#timer);
    if (!this.#settle) return;
    const mayBegin = (isDue || this.#running === 0) && !this.#turn.isTaken;
    if (mayBegin && this.#queue.length > 0) this.#begin(this.#queue.shift());
    if (this.#running === 0) this.#end("reject", this.#problem ?? new DialFailed("unavailable"));
    else if (this.#queue.length > 0) this.#timer = setTimeout(() => this.#heardNothing(), this.#patienceMs);
  }

  #heardNothing() {
    if (!this.#turn.isTaken) this.#silences += 1;
    if (this.#silences >= MOST_SILENCES && this.#queue.includes(LOOK)) {
      this.#queue = this.#queue.filter((each) => each !== LOOK);
      this.#begin(LOOK);
    }
    this.#goOn();
  }

  #begin(next) {
    this.#running += 1;
    const work = next === LOOK ? this.#lookOn() : this.#attempt(next);
    work.then((isDue) => {
      this.#running -= 1;
      this.#goOn(isDue);
    });
  }

  /** @returns {Promise<boolean>} whether the next one is due, as after any failure */
  async #attempt(endpoint) {
    const attempt = Symbol(endpoint.url);
    try {
      this.#end("resolve", await this.#dial(endpoint, () => this.#turn.take(attempt)));
    } catch (cause) {
      this.#failed(cause);
    } finally {
      this.#turn.pass(attempt);
    }
    return true;
  }

  #failed(cause) {
    if (cause.code === "revoked") this.#end("reject", cause);
    if (cause.code !== "overtaken" && this.#problem?.code !== "limit") this.#problem = cause;
    if (cause.code === "rediscover" && this.#queue.includes(LOOK)) {
      // Our file is old, and so are the other ports it names.
      this.#queue = [LOOK, ...this.#queue.filter((each) => each !== LOOK)];
    }
  }

  /** @returns {Promise<boolean>} whether the next one is due: not when what was told before is being tried */
  async #lookOn() {
    try {
      const endpoints = await this.#look((first) => this.#found(first) && this.#goOn());
      return this.#found(endpoints);
    } catch (cause) {
      // What the ports said is the better reason, unless they were silent and a place had something to say about us.
      if (cause.code === "revoked") this.#end("reject", cause);
      if (ABOUT_US.includes(cause.code) && this.#problem?.code === "unavailable") this.#problem = cause;
      this.#problem ??= cause;
      return true;
    }
  }

  /** What the mirrors name comes before what is left of an older file. @returns {boolean} whether it is anything new */
  #found(endpoints) {
    const before = this.#queue.length;
    this.#lineUp(endpoints, (each) => this.#queue.unshift(...each));
    return this.#queue.length > before;
  }

  #lineUp(endpoints, put) {
    put(endpoints.filter(({ url }) => !this.#seen.has(url)));
    for (const { url } of endpoints) this.#seen.add(url);
  }

  #end(how, outcome) {
    this.#settle?.[how](outcome);
    this.#settle = null;
    this.#turn.close();
    clearTimeout(this.#timer);
  }
}

/** Who may go on: one at a time, and nobody else after the race. */
class Turn {
  #holder = null;
  #waiting = [];
  #isClosed = false;

  get isTaken() {
    return this.#holder !== null;
  }

  /** Resolved when the attempt may go on, and each time it asks again. Raises: DialFailed "overtaken". */
  async take(attempt) {
    if (this.#holder === attempt) return;
    if (this.#holder !== null && !this.#isClosed) await this.#wait(attempt);
    if (this.#isClosed) throw new DialFailed("overtaken");
    this.#holder = attempt;
  }

  /** The attempt is over: the next one's turn comes. */
  pass(attempt) {
    this.#waiting = this.#waiting.filter((each) => each.attempt !== attempt);
    if (this.#holder !== attempt) return;
    this.#holder = null;
    const next = this.#waiting.shift();
    this.#holder = next?.attempt ?? null;
    next?.go();
  }

  /** The race is over. */
  close() {
    this.#isClosed = true;
    for (const { go } of this.#waiting.splice(0)) go();
  }

  #wait(attempt) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new DialFailed("overtaken")), TURN_MS);
      const go = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.push({ attempt, go });
    });
  }
}
