import assert from "node:assert/strict";
import { test } from "node:test";

import { LeaseEvent, LeaseState, nextState, RotationPlan, TRANSITIONS } from "../../../static/js/protocol/schedule.js";
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
  const period = plan.periodOf(7200);

  assert.equal(period, 2);
  assert.deepEqual(
    [plan.planAt(period), plan.periodStart(period), plan.periodEnd(period), plan.closeAt(period)],
    [7080, 7200, 10_800, 11_100],
  );
  assert.deepEqual(plan.periodsDue(10_679), [2]);
  assert.deepEqual(plan.periodsDue(10_680), [2, 3]);
  assert.equal(plan.maxAge, 3900);
  for (const wrong of [
    [0, 1, 1],
    [60, 60, 1],
    [60, 1, 60],
    [60, 0, 1],
  ])
    await refuses("usage", () => new RotationPlan(...wrong));
});
