import assert from "node:assert/strict";
import { test } from "node:test";

import { randomShare } from "../../../static/js/discovery/random_share.js";
import { Backoff } from "../../../static/js/rotation/backoff.js";

test("pauses double up to half a minute and begin anew", () => {
  const backoff = new Backoff(() => 1);
  const pauses = Array.from({ length: 9 }, () => backoff.next());
  backoff.reset();

  assert.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.equal(backoff.next(), 250);
});

test("jitter takes up to half of a pause away", () => {
  assert.equal(new Backoff(() => 0).next(), 125);
  assert.ok(Array.from({ length: 100 }, randomShare).every((share) => share >= 0 && share < 1));
});

test("who is needed soon waits at most a quarter of the time away", () => {
  let now = 0;
  const backoff = new Backoff(() => 1, { isUrgent: true, clock: () => now });
  const pauses = Array.from({ length: 12 }, () => {
    const pause = backoff.next();
    now += pause;
    return pause;
  });

  assert.deepEqual(pauses.slice(0, 6), [250, 500, 1000, 2000, 2000, 2000]);
  assert.ok(pauses.every((pause, index) => pause <= 30_000 && (index === 0 || pause >= pauses[index - 1])));
  now += 1e6;
  assert.equal(backoff.next(), 30_000);
  backoff.reset();
  assert.equal(backoff.next(), 250);
});
