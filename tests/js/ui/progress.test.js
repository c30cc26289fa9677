import assert from "node:assert/strict";
import { test } from "node:test";

import { progressOf } from "../../../static/js/ui/progress.js";

const HOUR = 3_600_000;

test("the ring fills from one move to the next", () => {
  assert.equal(progressOf({ nextMove: HOUR, interval: HOUR }, 0), 0);
  assert.equal(progressOf({ nextMove: HOUR, interval: HOUR }, HOUR / 4), 0.25);
  assert.equal(progressOf({ nextMove: HOUR, interval: HOUR }, HOUR), 1);
});

test("a late move keeps the ring full and an early look keeps it empty", () => {
  assert.equal(progressOf({ nextMove: HOUR, interval: HOUR }, 2 * HOUR), 1);
  assert.equal(progressOf({ nextMove: 3 * HOUR, interval: HOUR }, 0), 0);
});

test("nobody knows without a next move", () => {
  assert.equal(progressOf({ nextMove: null, interval: HOUR }, 0), null);
  assert.equal(progressOf({ nextMove: HOUR, interval: 0 }, 0), null);
});
