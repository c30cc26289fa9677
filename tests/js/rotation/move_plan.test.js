import assert from "node:assert/strict";
import { test } from "node:test";

import { MovePlan } from "../../../static/js/rotation/move_plan.js";
import { port, Ports } from "../fakes/ports.js";

/** A plan with mocked timers, for a session on the first of these ports. */
async function setUp(t, draw, ...known) {
  const world = new Ports();
  await world.know(...known);
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.now() });
  const done = [];
  const plan = new MovePlan({
    finder: world.finder,
    random: () => draw,
    move: ({ once }) => done.push(once ? "try" : "move"),
    look: async () => done.push("look"),
  });
  plan.make(known[0]);
  const pass = async (seconds) => {
    for (let second = 0; second < seconds; second += 1) {
      t.mock.timers.tick(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { world, plan, done, pass };
}

const seconds = (ahead) => Math.floor(Date.now() / 1000) + ahead;

test("who is content does nothing for as long as its port serves", async (t) => {
  const { done, pass } = await setUp(t, 0.5, port("a", { validUntil: seconds(3600) }), port("b"));
  await pass(3590);

  assert.deepEqual(done, []);
});

test("a move comes after a part of four seconds, and of a third of the time left", async (t) => {
  const long = await setUp(t, 0.5, port("a", { retiring: true, validUntil: seconds(3600) }), port("b"));
  await long.pass(1);
  assert.deepEqual(long.done, []);
  await long.pass(1);
  assert.deepEqual(long.done, ["move"]);
  t.mock.timers.reset();

  const short = await setUp(t, 0.9, port("a", { retiring: true, validUntil: seconds(3) }), port("b"));
  await short.pass(1);
  assert.deepEqual(short.done, ["move"]);
});

test("further announcements do not put a move off", async (t) => {
  const [a, b] = [port("a", { retiring: true, validUntil: seconds(3600) }), port("b")];
  const { world, plan, done, pass } = await setUp(t, 0.9, a, b);
  for (let each = 0; each < 4; each += 1) {
    await pass(1);
    await world.finder.accept(await world.file([a, b]), null);
    plan.make(a);
  }

  assert.equal(done[0], "move");
});

test("a move that became needless is not made", async (t) => {
  const [a, b] = [port("a", { retiring: true, validUntil: seconds(3600) }), port("b")];
  const { world, plan, done, pass } = await setUp(t, 0.9, a, b);
  await world.finder.accept(await world.file([port("a", { validUntil: seconds(3600) }), b]), null);
  plan.make(a);
  await pass(30);

  assert.deepEqual(done, []);
});

test("who was told nothing looks in the middle of grace, and then again and again", async (t) => {
  const { done, pass } = await setUp(t, 0, port("a", { validUntil: seconds(60) }));
  await pass(56);
  assert.deepEqual(done, []);
  await pass(600);

  assert.ok(done.length >= 4 && done.length <= 8, `${done.length} looks`);
  assert.deepEqual([...new Set(done)], ["look"]);
});

test("who is on a fixed port tries to leave it, less and less often", async (t) => {
  const { done, pass } = await setUp(t, 0, port("f", { fixed: true, validUntil: seconds(600) }), port("a"));
  await pass(10);
  assert.deepEqual(done, []);
  await pass(20);

  assert.deepEqual(done, ["try"]);
});

test("who is on the only port, a fixed one, has nothing to look for", async (t) => {
  const { done, pass } = await setUp(t, 0, port("f", { fixed: true, validUntil: seconds(1) }));
  await pass(3600);

  assert.deepEqual(done, []);
});

test("without a session nothing is planned", async (t) => {
  const { plan, done, pass } = await setUp(t, 0.9, port("a", { retiring: true }), port("b"));
  plan.drop();
  await pass(60);

  assert.deepEqual(done, []);
});
