import assert from "node:assert/strict";
import { test } from "node:test";

import { ChannelClosed } from "../../../static/js/net/failures.js";
import { endedBy } from "../../../static/js/rotation/endings.js";
import { PortFollower } from "../../../static/js/rotation/port_follower.js";
import { channelTo, failure, port, Ports } from "../fakes/ports.js";
import { until } from "../fakes/until.js";

const settle = (milliseconds = 10) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Ports, of which the client knows these, and a follower. */
async function setUp(t, ...known) {
  const world = new Ports();
  Object.assign(world, { attached: [], states: [], attachFails: null });
  await world.know(...(known.length > 0 ? known : [port("a")]));
  world.does.a = "open";
  const follower = new PortFollower({
    finder: world.finder,
    random: () => 0,
    dial: world.dial,
    attach: async (channel) => {
      world.attached.push(channel.host);
      if (world.attachFails) throw failure(world.attachFails);
    },
    attached: () => {},
    changed: () => world.states.push(follower?.status.status),
  });
  t.after(() => follower.stop());
  return { world, follower };
}

const on = (follower, host) => until(() => follower.channel?.host === host);

test("it connects, resumes the rooms and takes over", async (t) => {
  const { world, follower } = await setUp(t);

  follower.start();
  const channel = await follower.ready();

  assert.equal(channel.host, "a");
  assert.deepEqual(world.attached, ["a"]);
  assert.equal(follower.status.status, "connected");
  assert.equal(world.asked, 0);
});

test("when its port retires, another is taken before the old one is left", async (t) => {
  const { world, follower } = await setUp(t);
  follower.start();
  const old = await follower.ready();
  world.does.b = "open";

  await follower.announced(await world.file([port("a", { retiring: true }), port("b")]));
  await on(follower, "b");

  assert.equal(old.retired, true);
  assert.deepEqual(world.attached, ["a", "b"]);
  assert.ok(world.states.includes("moving") && !world.states.slice(2).includes("offline"));
});

test("the move of another node moves nobody here", async (t) => {
  const { world, follower } = await setUp(t, port("a"), port("x"));
  world.does.x = "open";
  follower.start();
  await follower.ready();
  const here = follower.channel.host;
  const [other] = ["a", "x"].filter((host) => host !== here);

  await follower.announced(await world.file([port(here), port(other, { retiring: true }), port("y")]));
  await follower.announced(await world.file([port("y", { validUntil: 2e9 }), port(here)]));
  await settle(250);

  assert.deepEqual(world.dialled, [here]);
});

test("a move that fails leaves the session it has, and is tried again soon", async (t) => {
  const { world, follower } = await setUp(t);
  follower.start();
  const old = await follower.ready();

  await follower.announced(await world.file([port("a", { retiring: true }), port("b")]));
  await until(() => world.dialled.includes("b"));
  await settle();
  assert.equal(follower.channel, old);
  assert.deepEqual([follower.status.status, follower.status.problem], ["connected", null]);
  world.does.b = "open";

  await on(follower, "b");
});

test("a session that could not take up the rooms does not take over", async (t) => {
  const { world, follower } = await setUp(t);
  follower.start();
  const old = await follower.ready();
  world.does.b = "open";
  world.attachFails = "internal";

  await follower.announced(await world.file([port("a", { retiring: true }), port("b")]));
  await until(() => world.attached.includes("b"));
  await settle();

  assert.equal(follower.channel, old);
  assert.equal(follower.status.status, "connected");
});

test("who was on a node that died is on the other at once", async (t) => {
  const { world, follower } = await setUp(t, port("a"), port("b"));
  world.does.b = "open";
  follower.start();
  const before = await follower.ready();
  const [other] = ["a", "b"].filter((host) => host !== before.host);
  world.does[before.host] = "dead";

  before.end();
  await on(follower, other);

  assert.equal(world.asked, 0);
  assert.ok(world.dialled.length <= 3, "no second round was needed");
});

test("a port that swallows everything does not hold up the next one", async (t) => {
  for (const does of ["black hole", "mute"]) {
    const { world, follower } = await setUp(t, port("hole"), port("b"));
    Object.assign(world.does, { hole: does, b: "open" });
    follower.start();

    await until(() => follower.channel?.host === "b", 4000);
  }
});

test("who slept through five moves runs into tripwires and finds home by the mirrors", async (t) => {
  const names = ["t1", "t2", "t3", "t4", "t5"];
  const { world, follower } = await setUp(t, ...names.map((name) => port(name, { validUntil: 1000 })));
  for (const name of names) world.does[name] = "tripwire";
  world.does.home = "open";
  world.published = await world.file([port("home")]);

  follower.start();
  await on(follower, "home");

  assert.deepEqual(world.dialled, ["t1", "home"]);
});

test("with all ports of its file dead it asks the mirrors", async (t) => {
  const { world, follower } = await setUp(t, port("d1"), port("d2"), port("d3"));
  world.does.home = "open";
  world.published = await world.file([port("home")]);

  follower.start();
  await on(follower, "home");

  assert.deepEqual(world.dialled, ["d1", "d2", "d3", "home"]);
});

test("a fixed port is the last resort", async (t) => {
  const { world, follower } = await setUp(t, port("fixed", { fixed: true }), port("a"));
  Object.assign(world.does, { fixed: "open", a: "dead" });

  follower.start();
  await on(follower, "fixed");
  await follower.announced(await world.file([port("fixed", { fixed: true }), port("c")]));
  await settle(100);

  assert.deepEqual(world.dialled, ["a", "fixed"], "and it is not left in a hurry");
});

test("a lost session is replaced from the last file, then from the mirrors", async (t) => {
  const { world, follower } = await setUp(t);
  follower.start();
  const old = await follower.ready();
  Object.assign(world.does, { a: "dead", c: "open" });
  world.published = await world.file([port("c")]);
  old.end();

  await on(follower, "c");
  assert.deepEqual(world.dialled.slice(0, 3), ["a", "a", "c"]);
});

test("after `rediscover` the mirrors are asked first", async (t) => {
  const { world, follower } = await setUp(t);
  follower.start();
  const old = await follower.ready();
  world.does.d = "open";
  world.published = await world.file([port("d"), port("a", { retiring: true })]);

  old.end(9);

  await on(follower, "d");
  assert.deepEqual(world.dialled, ["a", "d"]);
});

test("who was told nothing looks by itself", async (t) => {
  const { world, follower } = await setUp(t, port("a", { validUntil: Math.floor(Date.now() / 1000) + 2 }));
  world.does.b = "open";
  follower.start();
  await follower.ready();
  world.published = await world.file([port("a", { retiring: true }), port("b")]);

  await on(follower, "b");

  assert.equal(world.asked > 0, true);
});

test("it goes on trying, and says what is wrong", async (t) => {
  const { world, follower } = await setUp(t);
  world.does.a = "dead";
  world.published = null;
  follower.start();
  await until(() => follower.status.problem !== null);
  assert.deepEqual([follower.status.status, follower.status.problem], ["offline", "unavailable"]);

  world.does.a = "open";
  follower.retryNow();

  assert.equal((await follower.ready()).host, "a");
  assert.equal(follower.status.problem, null);
});

test("a server that is full is tried again when it says, and not before", async (t) => {
  const { world, follower } = await setUp(t);
  world.does.a = "full";
  follower.start();
  await until(() => follower.status.problem === "limit");
  const refusedAt = Date.now();
  world.does.a = "open";

  await follower.ready();

  assert.ok(Date.now() - refusedAt >= 950);
  assert.equal(follower.status.problem, null);
});

test("why a session ended comes with when to try again", async () => {
  const channel = channelTo("a");
  channel.closed = Promise.resolve({ farewell: { number: 11, text: "30 seconds until a next try" } });

  const cause = await endedBy(channel, new ChannelClosed());

  assert.deepEqual([cause.code, cause.retrySeconds], ["limit", 30]);
});

test("a device that was put out stops when it is told in the session", async (t) => {
  const { world, follower } = await setUp(t);
  follower.start();
  (await follower.ready()).end(10);
  await settle();

  assert.equal(follower.status.problem, "revoked");
  follower.retryNow();
  await settle();
  assert.deepEqual(world.dialled, ["a"]);
});
