/** How far it is to the next move. Pure. */

/**
 * How much of the time between two moves has passed, 0 to 1; null when nobody knows.
 * @param {{nextMove: number|null, interval: number}} connection ms
 * @param {number} now ms
 */
export function progressOf({ nextMove, interval }, now) {
  if (!nextMove || !interval) return null;
  return Math.min(1, Math.max(0, 1 - (nextMove - now) / interval));
}
