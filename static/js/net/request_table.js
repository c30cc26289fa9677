// Questions that wait for an answer, on one session.

import { Failure, Request, Response } from "../protocol/bodies.js";
import { errorFor, Malformed, Unavailable } from "../protocol/errors.js";
import { checkAnswer, checkNotice } from "../protocol/operations.js";
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

  /**
   * @param {string} op @param {object} members
   * @param {object} [hooks]
   * @param {() => void} [hooks.sent] called just before the question is sealed, each time it is asked
   * @param {(body: object) => Promise<void>} [hooks.answered] nothing later is looked at before it is settled
   * @returns {Promise<object>} the answer, of the shape that 3.14 gives it. Raises: the PeerError the server answered
   * with; malformed (an answer of another shape); ChannelClosed.
   */
  ask(op, members, hooks = {}) {
    if (this.#closed) return Promise.reject(new ChannelClosed());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body: { op, ...members }, repeats: 0, resolve, reject, ...hooks });
      this.#sendNext();
    });
  }

  /**
   * @param {Response | Failure} answer
   * @returns {Promise<void> | undefined} settled once who asked has acted on it, where that is waited for
   * Raises: malformed (an answer to nothing).
   */
  answer(answer) {
    const question = this.#unanswered.get(answer.id);
    if (!question) throw new Malformed("an answer to a question that was not asked");
    this.#unanswered.delete(answer.id);
    let acting;
    if (!(answer instanceof Failure)) acting = actOn(question, answer.body);
    else if (!this.#repeatsLater(question, answer.body)) question.reject(failureOf(answer.body));
    this.#sendNext();
    return acting;
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
      question.sent?.();
      this.#send(new Request(this.#lastId, question.body));
    }
  }
}

/**
 * What a notice is answered with once it was acted upon: what the server says may be forgotten there from then on.
 * @param {Request} request @param {(op: string, body: object) => Promise<void> | void} act called for one of the page's
 * @returns {Promise<Response | Failure>} a failure, too, for what is no notice
 */
export async function answerOf({ id, body }, act) {
  try {
    await act(checkNotice(body), body);
    return new Response(id, {});
  } catch (cause) {
    if (cause instanceof Malformed) return new Failure(id, { code: cause.number, text: cause.text });
    return new Failure(id, { code: Unavailable.number, text: "this could not be kept" });
  }
}

function actOn({ body: { op }, answered, resolve, reject }, body) {
  try {
    checkAnswer(op, body);
  } catch (cause) {
    return void reject(cause);
  }
  if (answered) return answered(body).then(() => resolve(body), reject);
  return void resolve(body);
}

function failureOf({ code, text, ...details }) {
  return Object.assign(errorFor(code, text), { details });
}
