import assert from "node:assert/strict";
import { test } from "node:test";

import { PortFollower } from "../../../static/js/rotation/port_follower.js";

const settle = () => new Promise((resolve) => setTimeout(resolve, 10));
const failure = (code) => Object.assign(new Error(code), { code });

const moved = () => new Promise((resolve) => setTimeout(resolve, 250));

/** Ports that answer or do not, mirrors that know them, and a follower between them. */
function setUp(t) {
  const world = {
    known: ["a"], published: ["a"], open: new Set(["a"]), refreshed: 0,
    dialled: [], attached: [], states: [], fails: null,
  };
  const endpoint = (name) => ({ url: name, port: name, validUntil: Math.floor(Date.now() / 1000) + 60 });
  const finder = {
    now: Date.now(),
    endpoints: () => world.known.map(endpoint),
    refresh: async () => {
      world.refreshed += 1;
      if (world.published === null) throw failure("unavailable");
      world.known = world.published;
    },
    accept: async (file) => (world.known = file),
  };
  const follower = new PortFollower({
    finder,
    random: () => 0,
    dial: async ({ url }) => {
      world.dialled.push(url);
      if (world.fails) throw failure(world.fails);
      if (!world.open.has(url)) throw failure("unavailable");
      return channelTo(url);
    },
    attach: async (channel) => {
      world.attached.push(channel.url);
      if (world.attachFails) throw failure(world.attachFails);
    },
    attached: () => {},
    changed: () => world.states.push(follower?.status.status),
  });
  t.after(() => follower.stop());
  return { world, follower };
}

function channelTo(url) {
  let end;
  const channel = { url, isOpen: true, retired: false, closed: new Promise((resolve) => (end = resolve)) };
  channel.end = (code, number = null) => {
    channel.isOpen = false;
    end({ code, farewell: number === null ? null : { number } });
  };
  channel.close = () => channel.end(1000);
  channel.retire = () => {
    channel.retired = true;
    channel.close();
  };
  return channel;
}

test("it connects, resumes the rooms and takes over", async (t) => {
  const { world, follower } = setUp(t);

  follower.start();
  const channel = await follower.ready();

  assert.equal(channel.url, "a");
  assert.deepEqual(world.attached, ["a"]);
  assert.equal(follower.status.status, "connected");
  assert.equal(world.refreshed, 0);
});

test("an announced port is taken before the old one is left", async (t) => {
  const { world, follower } = setUp(t);
  follower.start();
  const old = await follower.ready();
  world.open.add("b");

  await follower.announced(["b", "a"]);
  await moved();

  assert.equal(follower.channel.url, "b");
  assert.equal(old.retired, true);
  assert.deepEqual(world.attached, ["a", "b"]);
  assert.ok(world.states.includes("moving") && !world.states.slice(2).includes("offline"));
});

test("an announcement of where it is already moves nobody", async (t) => {
  const { world, follower } = setUp(t);
  follower.start();
  await follower.ready();

  await follower.announced(["a", "z"]);
  await moved();

  assert.deepEqual(world.dialled, ["a"]);
});

test("a move that fails leaves the session it has, and is tried again", async (t) => {
  const { world, follower } = setUp(t);
  follower.start();
  const old = await follower.ready();
  world.published = ["b", "a"];

  await follower.announced(["b", "a"]);
  await moved();
  assert.equal(follower.channel, old);
  assert.deepEqual([follower.status.status, follower.status.problem], ["connected", null]);
  world.open.add("b");
  follower.retryNow();
  await moved();

  assert.equal(follower.channel.url, "b");
});

test("a session that could not take up the rooms does not take over", async (t) => {
  const { world, follower } = setUp(t);
  follower.start();
  const old = await follower.ready();
  world.open.add("b");
  world.attachFails = "internal";

  await follower.announced(["b", "a"]);
  await moved();

  assert.equal(follower.channel, old);
  assert.equal(follower.status.status, "connected");
});

test("a lost session is replaced from the last file, then from the mirrors", async (t) => {
  const { world, follower } = setUp(t);
  follower.start();
  (await follower.ready()).end(1006);
  world.open = new Set(["c"]);
  world.published = ["c"];
  follower.retryNow();

  assert.equal((await follower.ready()).url, "c");
  assert.deepEqual(world.dialled.slice(0, 3), ["a", "a", "c"]);
});

test("after `rediscover` the mirrors are asked first", async (t) => {
  const { world, follower } = setUp(t);
  follower.start();
  const old = await follower.ready();
  world.open.add("d");
  world.published = ["d", "a"];

  old.end(1000, 9);
  await settle();
  follower.retryNow();

  assert.equal((await follower.ready()).url, "d");
  assert.deepEqual(world.dialled, ["a", "d"]);
});

test("it goes on trying, and says what is wrong", async (t) => {
  const { world, follower } = setUp(t);
  world.open.clear();
  follower.start();
  await settle();
  assert.deepEqual([follower.status.status, follower.status.problem], ["offline", "unavailable"]);

  world.open.add("a");
  follower.retryNow();

  assert.equal((await follower.ready()).url, "a");
  assert.equal(follower.status.problem, null);
});

test("a device that was put out stops, whichever way it is told", async (t) => {
  for (const tell of [(channel) => channel.end(4410), (channel) => channel.end(1000, 10)]) {
    const { world, follower } = setUp(t);
    follower.start();
    tell(await follower.ready());
    await settle();

    assert.equal(follower.status.problem, "revoked");
    follower.retryNow();
    await settle();
    assert.deepEqual(world.dialled, ["a"]);
  }
});
