import assert from "node:assert/strict";
import { test } from "node:test";

import {
  LeaseEvent,
  LeaseState,
  nextState,
  RotationPlan,
  TRANSITIONS,
  watchLevel,
} from "../../../static/js/protocol/schedule.js";
import { refuses } from "./people.js";

test("a port lives through its states and no others", async () => {
  const life = ["bind", "announce", "open", "drain", "arm", "close"];

  assert.equal(life.reduce(nextState, LeaseState.PLANNED), LeaseState.CLOSED);
  const [states, events] = [Object.values(LeaseState), Object.values(LeaseEvent)];
  for (const state of states) {
    for (const event of events) {
      if (!Object.hasOwn(TRANSITIONS, `${state} ${event}`)) await refuses("usage", () => nextState(state, event));
    }
  }
  assert.deepEqual(
    new Set(Object.values(TRANSITIONS)),
    new Set(states.filter((state) => state !== LeaseState.PLANNED)),
  );
});

test("the port moves on the hour, announced two minutes before, served five minutes after", async () => {
  const plan = new RotationPlan();
  const movesAt = plan.moveAfter(1000, 0.5);

  assert.deepEqual([plan.planAt(movesAt), movesAt, plan.closeAt(movesAt)], [4480, 4600, 4900]);
  assert.equal(plan.maxAge, 3900);
  for (const wrong of [
    [0, 1, 1],
    [60, 60, 1],
    [60, 1, 60],
    [60, 0, 1],
    [3600, 120, 300, 3300],
    [3600, 120, 300, -1],
  ])
    await refuses("usage", () => new RotationPlan(...wrong));
});

test("a move comes up to the jitter early, slots move one after the other", () => {
  const plan = new RotationPlan(600, 60, 120, 100);

  assert.deepEqual(
    [0, 0.5, 0.999].map((share) => plan.moveAfter(1000, share)),
    [1600, 1550, 1501],
  );
  assert.deepEqual(
    [0, 1, 2].map((slot) => plan.firstMove(1000, slot, 3, 0)),
    [1200, 1400, 1600],
  );
});

test("scanners shorten the interval, within bounds", () => {
  const plan = new RotationPlan(600, 60, 120, 100);

  assert.equal(plan.shortest, 181);
  assert.deepEqual(
    [0, 1, 2, 3].map((level) => [plan.watched(level).interval, plan.watched(level).jitter]),
    [
      [600, 100],
      [300, 50],
      [181, 30],
      [181, 30],
    ],
  );
  assert.deepEqual([0, 2, 3, 12, 48, 1e9].map(watchLevel), [0, 0, 1, 2, 3, 3]);
});

test("a move is brought forward by a shorter interval or a clock that was set back, never put off", () => {
  const plan = new RotationPlan(600, 60, 120);

  assert.equal(plan.latestMove(1000, 1600, 1500, 0.5), 1600);
  assert.equal(plan.watched(1).latestMove(1000, 1600, 1100, 0), 1300);
  assert.equal(plan.watched(1).latestMove(1000, 1600, 1500, 0), 1560);
  assert.equal(plan.latestMove(5000, 5600, 1000, 0), 1600);
});

test("a port that opens late counts from now, one that stays is named for longer", () => {
  const plan = new RotationPlan(600, 60, 120);

  assert.deepEqual([plan.begin(1000, 1060), plan.begin(1000, 1061)], [1000, 1061]);
  assert.deepEqual([plan.prolonged(1720, 1600), plan.prolonged(1720, 1601), plan.prolonged(1720, 2201)], [1720, 2320, 2920]);
});
