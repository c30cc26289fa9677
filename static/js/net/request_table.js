// Questions that wait for an answer, on one session.

import { Failure, Request, Response } from "../protocol/bodies.js";
import { errorFor, Malformed, Unavailable } from "../protocol/errors.js";
import { retrySeconds } from "../protocol/retry.js";
import { ChannelClosed } from "./failures.js";

/** The server takes 32 unanswered requests of a session; what is beyond waits here. Spec: 3.13 */
const MAX_UNANSWERED = 24;

/** A server that was asked too fast says for how long to wait; a longer wait is for the person to decide. Spec: 3.13 */
const LONGEST_WAIT_SECONDS = 10;
const MAX_REPEATS = 5;

export class RequestTable {
  #send;
  #unanswered = new Map();
  #waiting = [];
  #lastId = 0;
  #closed = false;
  /** While it runs nothing is asked. */
  #pause = null;

  /** @param {(request: Request) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @returns {Promise<object>} the answer. Raises: the PeerError the server answered with; ChannelClosed. */
  ask(op, members) {
    if (this.#closed) return Promise.reject(new ChannelClosed());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body: { op, ...members }, repeats: 0, resolve, reject });
      this.#sendNext();
    });
  }

  /** @param {Response | Failure} answer. Raises: malformed (an answer to nothing). */
  answer(answer) {
    const question = this.#unanswered.get(answer.id);
    if (!question) throw new Malformed("an answer to a question that was not asked");
    this.#unanswered.delete(answer.id);
    if (!(answer instanceof Failure)) question.resolve(answer.body);
    else if (!this.#repeatsLater(question, answer.body)) question.reject(failureOf(answer.body));
    this.#sendNext();
  }

  get isIdle() {
    return this.#unanswered.size === 0 && this.#waiting.length === 0;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#pause);
    for (const { reject } of [...this.#unanswered.values(), ...this.#waiting]) reject(new ChannelClosed());
    this.#unanswered.clear();
    this.#waiting = [];
  }

  /** Whether it is asked again after the time the server wants; what comes after it is held back until then. */
  #repeatsLater(question, failure) {
    const seconds = errorFor(failure.code).code === "too_fast" ? retrySeconds(failure.text) : 0;
    if (seconds === 0 || seconds > LONGEST_WAIT_SECONDS || question.repeats >= MAX_REPEATS) return false;
    question.repeats += 1;
    this.#waiting.unshift(question);
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.#sendNext();
    }, seconds * 1000);
    return true;
  }

  #sendNext() {
    if (this.#pause !== null) return;
    while (!this.#closed && this.#waiting.length > 0 && this.#unanswered.size < MAX_UNANSWERED) {
      const question = this.#waiting.shift();
      this.#lastId += 1;
      this.#unanswered.set(this.#lastId, question);
      this.#send(new Request(this.#lastId, question.body));
    }
  }
}

/**
 * What a notice is answered with once it was acted upon: what the server says may be forgotten there from then on.
 * @param {Request} request @param {Promise<void> | void} acted @returns {Promise<Response | Failure>}
 */
export async function answerOf({ id }, acted) {
  try {
    await acted;
    return new Response(id, {});
  } catch {
    return new Failure(id, { code: Unavailable.number, text: "this could not be kept" });
  }
}

function failureOf({ code, text, ...details }) {
  return Object.assign(errorFor(code, text), { details });
}
