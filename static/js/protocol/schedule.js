/**
 * When the port moves: the life of a lease as a table, and the arithmetic of periods.
 *
 * Spec: 3.9
 */

import { UsageError } from "./errors.js";

export const DEFAULT_INTERVAL_SECONDS = 3600;
export const DEFAULT_LEAD_SECONDS = 120;
export const DEFAULT_GRACE_SECONDS = 300;

/** Where a leased port stands. */
export const LeaseState = Object.freeze({
  PLANNED: "planned",
  BOUND: "bound",
  ANNOUNCED: "announced",
  OPEN: "open",
  DRAINING: "draining",
  TRIPWIRE: "tripwire",
  CLOSED: "closed",
  FAILED: "failed",
});

/** What happens to a leased port. */
export const LeaseEvent = Object.freeze({
  // The keeper listens on it, or could not (also: not again after a restart).
  BIND: "bind",
  FAIL: "fail",
  // A file that lists it is on a mirror and was read back.
  ANNOUNCE: "announce",
  // Its period begins.
  OPEN: "open",
  // The next lease's period begins.
  DRAIN: "drain",
  // Grace is over: it only tells late clients to look again.
  ARM: "arm",
  // It is given up.
  CLOSE: "close",
});

/** `state event` -> state. */
export const TRANSITIONS = Object.freeze({
  "planned bind": LeaseState.BOUND,
  "planned fail": LeaseState.FAILED,
  "bound announce": LeaseState.ANNOUNCED,
  "bound fail": LeaseState.FAILED,
  "bound close": LeaseState.CLOSED,
  "announced open": LeaseState.OPEN,
  "announced fail": LeaseState.FAILED,
  "announced close": LeaseState.CLOSED,
  "open drain": LeaseState.DRAINING,
  "open fail": LeaseState.FAILED,
  "draining arm": LeaseState.TRIPWIRE,
  "draining fail": LeaseState.FAILED,
  "draining close": LeaseState.CLOSED,
  "tripwire fail": LeaseState.FAILED,
  "tripwire close": LeaseState.CLOSED,
});

/** The state after this event. Raises: usage (an event that cannot happen in this state). */
export function nextState(state, event) {
  const move = `${state} ${event}`;
  if (!Object.hasOwn(TRANSITIONS, move)) throw new UsageError(`${event} cannot happen to a lease that is ${state}`);
  return TRANSITIONS[move];
}

/**
 * How often the port moves, how long before it is announced, how long after it still serves.
 *
 * Time is cut into periods of `interval`, counted from 1970; one lease serves one period.
 * Units: seconds.
 */
export class RotationPlan {
  /** @param {number} interval @param {number} lead @param {number} grace */
  constructor(interval = DEFAULT_INTERVAL_SECONDS, lead = DEFAULT_LEAD_SECONDS, grace = DEFAULT_GRACE_SECONDS) {
    if (!(lead > 0 && lead < interval && grace > 0 && grace < interval)) {
      throw new UsageError("lead and grace are shorter than the interval, and none is zero");
    }
    Object.assign(this, { interval, lead, grace });
    Object.freeze(this);
  }

  /** How long a port serves at most from the start of its period. */
  get maxAge() {
    return this.interval + this.grace;
  }

  /** The period this instant is in. */
  periodOf(now) {
    return Math.floor(now / this.interval);
  }

  /** The instant its lease opens, and the one before begins to drain. */
  periodStart(period) {
    return period * this.interval;
  }

  /** The instant its lease begins to drain, and the next one opens. */
  periodEnd(period) {
    return (period + 1) * this.interval;
  }

  /** The instant its port is chosen, bound and announced. */
  planAt(period) {
    return this.periodStart(period) - this.lead;
  }

  /** The instant its port stops serving. */
  closeAt(period) {
    return this.periodEnd(period) + this.grace;
  }

  /** The periods that need a lease now: the present one, and from its announcement on the next one. */
  periodsDue(now) {
    const present = this.periodOf(now);
    return now >= this.planAt(present + 1) ? [present, present + 1] : [present];
  }
}
