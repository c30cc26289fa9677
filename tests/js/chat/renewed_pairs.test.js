import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { Account } from "../../../static/js/chat/account.js";
import { Entrance } from "../../../static/js/chat/entrance.js";
import { PairRenewal } from "../../../static/js/chat/pair_renewal.js";
import { Pairs } from "../../../static/js/chat/pairs.js";
import { ChannelClosed, DialFailed } from "../../../static/js/net/failures.js";
import { Malformed } from "../../../static/js/protocol/errors.js";
import { keyId } from "../../../static/js/protocol/key_schedule.js";
import { DeviceKey } from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";
import { makePadding, joinWraps, makeWrap, openWrap, WRAPS_STEP } from "../../../static/js/protocol/wraps.js";
import { Store } from "../../../static/js/store/store.js";
import { FakeServer } from "../fakes/server.js";
import { closeAll, enrolled, openApp, until } from "./people.js";

afterEach(closeAll);

const DAY = 86_400;
const noticeAll = (server) => server.sessions.forEach((session) => session.notice("psk_renew"));
const isConnected = (app) => app.connection.status === "connected";

/** What is on the disk of a page that is closed. */
async function kept(storageName) {
  const store = await Store.open(storageName);
  const account = await Account.load(store);
  const { inUse, following } = account.pairs;
  const found = { inUse: toHex(inUse.id), following: following && toHex(following.id), psks: account.psks };
  store.close();
  return { ...found, secret: [...account.discoverySecrets.values()][0] };
}


/** A page that was told to renew and has done so. */
async function renewed(server, app) {
  const before = new Set(server.psks.keys());
  noticeAll(server);
  await until(app, () => server.psks.size === 2 && [...server.psks.keys()].some((id) => !before.has(id)));
  await until(app, () => isConnected(app));
  await new Promise((resolve) => setTimeout(resolve, 30));
}

async function comeBack(server, storageName) {
  const app = await openApp(server, storageName);
  await until(app, () => isConnected(app), 20_000);
  return app;
}

test("the operator's word renews the pair: both are kept until the new one has opened a session", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  const [first] = server.psks.keys();
  await renewed(server, app);
  await app.close();
  const between = await kept(storageName);
  assert.equal(between.inUse, first);
  assert.ok(server.psks.has(between.following) && between.psks.length === 2);

  await (await comeBack(server, storageName)).close();
  assert.deepEqual([...server.psks.keys()], [between.following]);
  assert.deepEqual([(await kept(storageName)).inUse, (await kept(storageName)).following], [between.following, null]);
});

for (const cut of ["store", "answer", "finish"]) {
  test(`a renewal that the server cuts is made up for: ${cut}`, async () => {
    const server = new FakeServer();
    const { app, storageName } = await enrolled(server, "alice");
    const [first] = server.psks.keys();
    server.cutRenewal = cut;
    if (cut === "finish") {
      await renewed(server, app);
      server.closeOldestPort();
      server.openPort();
    } else noticeAll(server);
    await until(app, () => server.cutRenewal === "" && isConnected(app) && server.psks.size >= 1, 20_000);
    await until(app, () => server.following.size === 1 || !server.psks.has(first), 20_000);
    const isKept = async () => {
      const { inUse, following } = await kept(storageName);
      return inUse !== first || following !== null;
    };
    while (!(await isKept())) await new Promise((resolve) => setTimeout(resolve, 10));
    await app.close();

    await (await comeBack(server, storageName)).close();
    assert.deepEqual([...server.psks.keys()], [(await kept(storageName)).inUse]);
    assert.ok(!server.psks.has(first));
  });
}

test("a page that died before it stored comes by the old pair, and both agree on another", async (t) => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  const [first] = server.psks.keys();
  const dead = t.mock.method(Pairs.prototype, "renewed", () => new Promise(() => {}));
  noticeAll(server);
  await until(app, () => dead.mock.callCount() === 1);
  await app.close();
  dead.mock.restore();
  assert.deepEqual([server.psks.size, (await kept(storageName)).following], [2, null]);

  const again = await comeBack(server, storageName);
  await renewed(server, again);
  await again.close();
  await (await comeBack(server, storageName)).close();
  assert.deepEqual([...server.psks.keys()], [(await kept(storageName)).inUse]);
  assert.ok(!server.psks.has(first));
});

test("a server of a backup refuses the new pair, and takes the old one", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  const [first] = server.psks.keys();
  await renewed(server, app);
  await app.close();
  server.psks.delete((await kept(storageName)).following);
  server.following.clear();

  await (await comeBack(server, storageName)).close();
  const { inUse, following } = await kept(storageName);
  assert.deepEqual([inUse, following], [first, null]);
});

test("who has not proved to be the server says nothing of a pair", async () => {
  const [inUse, following] = [pair(1), pair(2)];
  const row = { psk: inUse, next_psk: following };
  const pairs = pairsOf(row);
  const tried = [];
  for (const [proves, expected] of [[false, [following]], [true, [following, inUse]]]) {
    tried.length = 0;
    const dial = async (_endpoint, { pair: used }, proven) => {
      tried.push(used);
      if (proves) await proven({});
      throw new DialFailed("refused");
    };
    const account = { pairs, invite: null, credentials: (how) => how };
    const entering = new Entrance(account, dial).enter({}, async () => {}, undefined);
    await assert.rejects(entering, { code: "refused" });
    assert.deepEqual(tried, expected);
    assert.equal(pairs.following, following);
  }
});

test("a pair is due after thirty days, and one that nobody dated within a day", async () => {
  const row = { psk: pair(1, 1000) };
  const pairs = pairsOf(row);
  assert.equal(await pairs.isDue(1000 + 30 * DAY - 1, () => 0.5), false);
  assert.equal(await pairs.isDue(1000 + 30 * DAY, () => 0.5), true);
  row.next_psk = pair(2, 1000 + 30 * DAY);
  assert.equal(await pairs.isDue(1000 + 31 * DAY, () => 0.5), false);

  const older = { psk: { id: randomBytes(16), key: randomBytes(32) } };
  assert.equal(await pairsOf(older).isDue(100 * DAY, () => 0.25), false);
  assert.equal(older.psk.made, 70 * DAY + DAY / 4);
  assert.equal(await pairsOf(older).isDue(100 * DAY + 0.75 * DAY, () => 0), true);
});

test("an old pair is renewed unasked when a session begins; a server that knows of no renewal is left alone", async () => {
  for (const [failure, asked] of [[null, 1], [new Malformed("op is no operation"), 1], [new ChannelClosed(), 1]]) {
    const row = { psk: pair(1, 0) };
    const requests = [];
    const channel = {
      exporter: randomBytes(32),
      async request(op, members, hooks) {
        requests.push([op, members]);
        hooks.sent();
        if (failure) throw failure;
        await hooks.answered({});
      },
    };
    const renewal = new PairRenewal({ pairs: pairsOf(row), now: () => 40 * DAY, random: () => 0 });
    await renewal.look(channel);
    assert.deepEqual(requests, Array.from({ length: asked }, () => ["psk_renew", {}]));
    assert.equal(row.next_psk?.made, failure ? undefined : 40 * DAY);
  }
});

test("the exporter is that of the epoch in which the request was sealed", async (t) => {
  const real = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, "now", () => real() + ahead);
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  let answer;
  server.renewalWaits = new Promise((resolve) => (answer = resolve));
  noticeAll(server);
  await until(app, () => server.psks.size === 2);
  ahead += 20_000;
  server.requestRekey();
  await until(app, () => app.connection.epoch === 1);
  answer();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await app.close();

  assert.ok(server.psks.has((await kept(storageName)).following));
});

/** A page whose renewal is not answered, and which has moved meanwhile; the pair that the move has ended. */
async function askAndMove(server, app) {
  let answer;
  server.renewalWaits = new Promise((resolve) => (answer = resolve));
  noticeAll(server);
  await until(app, () => server.following.size === 1);
  const [dropped] = server.following.values();
  server.renewalWaits = null;
  await server.announceNewPort();
  await until(app, () => !server.psks.has(dropped), 20_000);
  return { dropped, answer };
}

test("a move of the port while it is under way ends it, and the page asks again on the new one", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  const [first] = server.psks.keys();
  const { dropped } = await askAndMove(server, app);
  await until(app, () => server.following.has(first), 20_000);
  await new Promise((resolve) => setTimeout(resolve, 30));
  await app.close();

  const { inUse, following } = await kept(storageName);
  assert.deepEqual([inUse, server.following.get(first)], [first, following]);
  assert.notEqual(following, dropped);
  await (await comeBack(server, storageName)).close();
  assert.deepEqual([...server.psks.keys()], [following]);
});

test("a pair that a move has ended before its answer came locks nobody out", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  const [first] = server.psks.keys();
  const { dropped, answer } = await askAndMove(server, app);
  answer();
  await until(app, () => isConnected(app) && server.sessions.size === 1, 20_000);
  await app.close();
  assert.deepEqual([(await kept(storageName)).following, server.psks.has(dropped)], [dropped, false]);

  const again = await comeBack(server, storageName);
  await renewed(server, again);
  await again.close();
  const { inUse, following } = await kept(storageName);
  assert.deepEqual([inUse, server.following.get(first)], [first, following]);
});

test("wraps are tried under both pairs", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  await renewed(server, app);
  await app.close();
  const { psks, secret } = await kept(storageName);
  const kid = keyId(secret);
  for (const psk of psks) {
    const padding = Array.from({ length: WRAPS_STEP - 1 }, () => makePadding());
    const wraps = joinWraps([await makeWrap(psk, secret), ...padding]);
    assert.ok((await openWrap(wraps, kid, psks)).equals(secret));
  }
});


function pair(number, made = 0) {
  return { id: new Uint8Array(16).fill(number), key: new Uint8Array(32).fill(number), made };
}

function pairsOf(row) {
  const save = async (changes) => void Object.assign(row, changes);
  return new Pairs(() => row, save, () => DeviceKey.generate().public);
}
