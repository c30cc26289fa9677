// A random part of a whole, for pauses and for the order of equals.

import { randomBelow } from "../protocol/primitives.js";

const RESOLUTION = 2 ** 20;

/** An even share of a whole, from 0 up to 1. */
export function randomShare() {
  return randomBelow(RESOLUTION) / RESOLUTION;
}
