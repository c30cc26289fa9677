/**
 * When a port moves: the life of a lease as a table, and the arithmetic of the chain that leases make.
 *
 * A lease opens when the one before it moves, and its own move is fixed when it is planned: one interval later, less a
 * random part of the jitter.
 *
 * Spec: 3.9
 */

import { UsageError } from "./errors.js";

export const DEFAULT_INTERVAL_SECONDS = 3600;
export const DEFAULT_LEAD_SECONDS = 120;
export const DEFAULT_GRACE_SECONDS = 300;

// While scanners are about, ports move more often: this many touches in the last ten minutes halve the interval, each
// time as many times more halve it again, and it is never shorter than this part of itself.
export const WATCH_SECONDS = 600;
export const WATCH_TOUCHES = 3;
export const WATCH_FACTOR = 4;
export const WATCH_LEVELS = 3;

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
  // Its time begins.
  OPEN: "open",
  // The next lease's time begins.
  DRAIN: "drain",
  // Grace is over, or it was never for clients: it only tells late clients to look again, and sees scanners.
  ARM: "arm",
  // It is given up.
  CLOSE: "close",
});

/** `state event` -> state. */
export const TRANSITIONS = Object.freeze({
  "planned bind": LeaseState.BOUND,
  "planned fail": LeaseState.FAILED,
  "bound announce": LeaseState.ANNOUNCED,
  "bound arm": LeaseState.TRIPWIRE,
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
 * How often a port moves, how long before it is announced, how long after it still serves, and how much earlier than
 * the interval it may move, so that nobody can tell when.
 *
 * A `share` is a random number from 0 up, below 1. Units: seconds, instants since 1970.
 */
export class RotationPlan {
  /** @param {number} interval @param {number} lead @param {number} grace @param {number} jitter */
  constructor(
    interval = DEFAULT_INTERVAL_SECONDS,
    lead = DEFAULT_LEAD_SECONDS,
    grace = DEFAULT_GRACE_SECONDS,
    jitter = 0,
  ) {
    if (!(lead > 0 && lead < interval && grace > 0 && grace < interval)) {
      throw new UsageError("lead and grace are shorter than the interval, and none is zero");
    }
    if (!(jitter >= 0 && jitter < interval - Math.max(lead, grace))) {
      throw new UsageError("the jitter leaves room for lead and grace within the interval");
    }
    Object.assign(this, { interval, lead, grace, jitter });
    Object.freeze(this);
  }

  /** How long a port serves at most from the instant it opens. */
  get maxAge() {
    return this.interval + this.grace;
  }

  /** What the interval is never shortened below: a port is closed before the next but one is planned. */
  get shortest() {
    return Math.min(this.interval, Math.max(this.interval >> WATCH_LEVELS, this.lead + this.grace + 1));
  }

  /** The plan while scanners are about: the interval halved `level` times, the jitter with it. */
  watched(level) {
    const interval = Math.max(this.interval >> level, this.shortest);
    const room = interval - Math.max(this.lead, this.grace) - 1;
    const jitter = Math.min(Math.floor((this.jitter * interval) / this.interval), room);
    return new RotationPlan(interval, this.lead, this.grace, jitter);
  }

  /** The instant a lease that opens then gives way to the next. */
  moveAfter(opensAt, share) {
    return opensAt + this.interval - Math.floor(share * this.jitter);
  }

  /** The instant the first lease of a slot gives way: slots begin together and move one after the other. */
  firstMove(now, slot, slots, share) {
    return now + Math.floor(((this.interval - Math.floor(share * this.jitter)) * (slot + 1)) / slots);
  }

  /** The instant the port that opens at `movesAt` is chosen, bound and announced. */
  planAt(movesAt) {
    return movesAt - this.lead;
  }

  /** The instant a port that moves at `movesAt` stops serving. */
  closeAt(movesAt) {
    return movesAt + this.grace;
  }

  /**
   * `movesAt`, or earlier where the interval has become shorter or the clock was set back since it was fixed.
   *
   * Never so early that the next port could not be announced in time.
   */
  latestMove(opensAt, movesAt, now, share) {
    const latest = Math.min(opensAt, now) + this.interval;
    if (movesAt <= latest) return movesAt;
    return Math.min(movesAt, Math.max(latest - Math.floor(share * this.jitter), now + this.lead));
  }

  /** The instant that a lease counts from which opens now: its own, or now when that leaves half the grace. */
  begin(opensAt, now) {
    return now - opensAt <= Math.floor(this.grace / 2) ? opensAt : now;
  }

  /** The end to name in the file for a port that serves on because the next one is late; it changes seldom. */
  prolonged(closesAt, now) {
    const late = now + this.grace - closesAt;
    return late <= 0 ? closesAt : closesAt + Math.ceil(late / this.interval) * this.interval;
  }
}

/** How many times the interval is halved after so many touches of scanners in the last WATCH_SECONDS. */
export function watchLevel(touches) {
  let [level, needed] = [0, WATCH_TOUCHES];
  while (touches >= needed && level < WATCH_LEVELS) [level, needed] = [level + 1, needed * WATCH_FACTOR];
  return level;
}
