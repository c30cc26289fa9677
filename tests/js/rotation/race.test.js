import assert from "node:assert/strict";
import { test } from "node:test";

import { Race } from "../../../static/js/rotation/race.js";
import { failure, port, Ports } from "../fakes/ports.js";
import { until } from "../fakes/until.js";

const PATIENCE = 30;

function race(world, look = null) {
  return new Race(world.dial, look, PATIENCE);
}

/** Ports that do this, by name. */
function ports(does) {
  const world = new Ports();
  Object.assign(world.does, does);
  return [world, Object.keys(does).map((name) => port(name))];
}

test("the first that goes through wins, and the others are not dialled", async () => {
  const [world, all] = ports({ a: "open", b: "open" });

  assert.equal((await race(world).run(all)).host, "a");
  assert.deepEqual(world.dialled, ["a"]);
});

test("a failure is followed by the next at once, silence after a while", async () => {
  const [world, all] = ports({ a: "dead", hole: "black hole", mute: "mute", b: "open" });

  assert.equal((await race(world).run(all)).host, "b");
});

test("who is overtaken never says who we are", async () => {
  const [world, all] = ports({ slow: 15 * PATIENCE, quick: 2 * PATIENCE });

  assert.equal((await race(world).run(all)).host, "quick");
  await new Promise((resolve) => setTimeout(resolve, 18 * PATIENCE));
  assert.deepEqual(world.authenticated, ["quick"]);
});

test("one goes on at a time, and the next when that one fails", async () => {
  const [world, all] = ports({ first: PATIENCE, second: 1 });
  const going = [];
  const dial = async (endpoint, proven) => {
    await world.dial(endpoint, proven);
    going.push(endpoint.host);
    if (going.length === 1) {
      await new Promise((resolve) => setTimeout(resolve, 4 * PATIENCE));
      assert.equal(going.length, 1);
      throw failure("internal");
    }
    return endpoint;
  };

  const won = await new Race(dial, null, PATIENCE).run(all);

  assert.equal(going.length, 2);
  assert.equal(won.host, going[1]);
});

test("after a tripwire the rest of the file waits for the mirrors", async () => {
  const [world, all] = ports({ trap: "tripwire", old: "open" });
  world.does.home = "open";

  assert.equal((await race(world, async () => [port("home"), ...all]).run(all)).host, "home");
  assert.deepEqual(world.dialled, ["trap", "home"]);
});

test("mirrors that do not answer hold up nobody", async () => {
  const [world, all] = ports({ a: "open" });

  const won = await race(world, () => new Promise(() => {})).run(all, { lookFirst: true });

  assert.equal(won.host, "a");
});

test("while everything is silent the mirrors are asked, and what they add is dialled", async () => {
  const [world, all] = ports({ hole: "black hole" });
  world.does.home = "open";

  assert.equal((await race(world, async () => [...all, port("home")]).run(all)).host, "home");
  assert.deepEqual(world.dialled, ["hole", "home"]);
});

test("silent ports do not keep us from the mirrors", async () => {
  const [world, all] = ports(Object.fromEntries(Array.from({ length: 16 }, (_, each) => [`hole-${each}`, "black hole"])));
  world.does.home = "open";

  assert.equal((await race(world, async () => [port("home")]).run(all)).host, "home");
  assert.ok(world.dialled.length < 16);
});

test("a full server is the reason that counts, a revocation ends it at once", async () => {
  const [full, all] = ports({ full: "full", dead: "dead" });
  await assert.rejects(race(full).run(all), { code: "limit" });

  const [world, both] = ports({ a: "dead", b: "open" });
  const dial = async (endpoint) => (endpoint.host === "a" ? Promise.reject(failure("revoked")) : world.dial(endpoint));
  await assert.rejects(new Race(dial, null, PATIENCE).run(both), { code: "revoked" });
  assert.deepEqual(world.dialled, []);
});

test("with nothing to try, the mirrors' reason is given; with nobody to ask, that there is nobody", async () => {
  const [world] = ports({});

  await assert.rejects(race(world, async () => Promise.reject(failure("malformed"))).run([]), { code: "malformed" });
  await assert.rejects(race(world).run([]), { code: "unavailable" });
});

test("a port that proved itself and then says nothing is overtaken in the end", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const outcomes = [];
  const dial = async ({ host }, proven) => {
    await proven().then(
      () => outcomes.push(`${host} goes on`),
      (cause) => outcomes.push(`${host} ${cause.code}`),
    );
    return new Promise(() => {});
  };
  // Both prove themselves at once: the second has been dialled while the first had not yet.
  const slow = async (endpoint, proven) => {
    await new Promise((resolve) => setTimeout(resolve, endpoint.host === "a" ? 2 * PATIENCE : 3 * PATIENCE));
    return dial(endpoint, proven);
  };
  new Race(slow, null, PATIENCE).run([port("a"), port("b")]);
  for (let step = 0; step < 200; step += 1) {
    t.mock.timers.tick(PATIENCE);
    await new Promise((resolve) => setImmediate(resolve));
  }

  assert.deepEqual(outcomes, ["a goes on", "b overtaken"]);
});

test("it waits for nothing that it need not", async () => {
  const [world, all] = ports(Object.fromEntries(Array.from({ length: 64 }, (_, each) => [`dead-${each}`, "dead"])));
  world.does.home = "open";
  let asked = 0;
  const look = async () => {
    asked += 1;
    return [port("home")];
  };

  const running = race(world, look).run(all);
  await until(() => asked > 0, 1000);

  assert.equal((await running).host, "home");
  assert.equal(world.dialled.length, 65);
});

test("what one place says is tried while the others have their time", { timeout: 10_000 }, async () => {
  const [world, all] = ports({ trap: "tripwire", old: "open" });
  world.does.home = "open";
  const look = (tell) => {
    tell([port("home")]);
    return new Promise(() => {});
  };

  assert.equal((await race(world, look).run(all)).host, "home");
  assert.deepEqual(world.dialled, ["trap", "home"]);
});

test("what was told before begins no second dial", { timeout: 10_000 }, async () => {
  const [world] = ports({});
  Object.assign(world.does, { first: 15 * PATIENCE, second: "open" });
  const look = async (tell) => {
    tell([port("first"), port("second")]);
    tell([port("second"), port("first")]);
    return [port("second"), port("first")];
  };

  const running = race(world, look).run([]);
  await new Promise((resolve) => setTimeout(resolve, 1));

  assert.deepEqual(world.dialled, ["first"]);
  assert.equal((await running).host, "second");
});
