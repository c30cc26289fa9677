// Questions that wait for an answer, on one session.

import { Failure, Request, Response } from "../protocol/bodies.js";
import { errorFor, Malformed, Unavailable } from "../protocol/errors.js";
import { ChannelClosed } from "./failures.js";

/** The server takes 32 unanswered requests of a session; what is beyond waits here. Spec: 3.13 */
const MAX_UNANSWERED = 24;

export class RequestTable {
  #send;
  #unanswered = new Map();
  #waiting = [];
  #lastId = 0;
  #closed = false;

  /** @param {(request: Request) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @returns {Promise<object>} the answer. Raises: the PeerError the server answered with; ChannelClosed. */
  ask(op, members) {
    if (this.#closed) return Promise.reject(new ChannelClosed());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body: { op, ...members }, resolve, reject });
      this.#sendNext();
    });
  }

  /** @param {Response | Failure} answer. Raises: malformed (an answer to nothing). */
  answer(answer) {
    const question = this.#unanswered.get(answer.id);
    if (!question) throw new Malformed("an answer to a question that was not asked");
    this.#unanswered.delete(answer.id);
    if (answer instanceof Failure) question.reject(failureOf(answer.body));
    else question.resolve(answer.body);
    this.#sendNext();
  }

  get isIdle() {
    return this.#unanswered.size === 0 && this.#waiting.length === 0;
  }

  close() {
    this.#closed = true;
    for (const { reject } of [...this.#unanswered.values(), ...this.#waiting]) reject(new ChannelClosed());
    this.#unanswered.clear();
    this.#waiting = [];
  }

  #sendNext() {
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
