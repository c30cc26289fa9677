// The order in which to dial ports, by what this visit has learnt of the places where they are.
//
// Spec: 3.15

import { orderEndpoints, placeOf, rememberTime, slowPlaces } from "../protocol/endpoint_choice.js";

export class DialOrder {
  #region;
  #random;
  /** How long servers took to prove themselves. Not kept: the next visit may come from another network. */
  #times = new Map();
  #lost = null;

  /** @param {string} region whose ports we take first @param {() => number} random from 0 up to 1 */
  constructor(region, random) {
    this.#region = region;
    this.#random = random;
  }

  /** The endpoint that a session was just lost from, null when there is another session. */
  set lost(endpoint) {
    this.#lost = endpoint;
  }

  /** A server proved itself in this time. @param {number} now seconds since 1970 */
  proved(endpoint, milliseconds, now) {
    this.#times = rememberTime(this.#times, endpoint, Math.round(milliseconds), now);
  }

  /** These endpoints, those to dial first at the front. @param {number} now seconds since 1970 */
  of(endpoints, now) {
    const slow = slowPlaces(endpoints, this.#times, now);
    if (this.#lost) slow.add(placeOf(this.#lost));
    return orderEndpoints(endpoints, { now, draws: endpoints.map(() => this.#random()), slow, region: this.#region });
  }
}
