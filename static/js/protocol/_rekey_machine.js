/**
 * What both machines of a rekey share.
 *
 * Spec: 3.6
 */

import { UsageError } from "./errors.js";
import { REKEY_ANSWER_SECONDS, REKEY_INTERVAL_SECONDS } from "./limits.js";

/** What both machines have: the session and when its newest epoch began. */
export class _Rekey {
  #session;
  #beganAt;

  constructor(session, role, now) {
    if (session.role !== role) throw new UsageError(`a session of the ${session.role}`);
    this.#session = session;
    this.#beganAt = now;
  }

  get _session() {
    return this.#session;
  }

  _begins(now) {
    this.#beganAt = now;
  }

  _isSoon(now, margin = 0) {
    return now - this.#beganAt < REKEY_INTERVAL_SECONDS + margin;
  }

  _isWorn(now) {
    return this.#session.softLimitReached(now - this.#beganAt);
  }

  _isOver(now, waitingSince) {
    const isUnanswered = waitingSince !== null && now - waitingSince >= REKEY_ANSWER_SECONDS;
    return isUnanswered || this.#session.hardLimitReached(now - this.#beganAt);
  }
}
