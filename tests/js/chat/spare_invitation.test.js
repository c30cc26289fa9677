// An invitation that comes to a device with an account: of use to one that was shut out, if it says so itself.

import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { Account } from "../../../static/js/chat/account.js";
import { FetchFailed } from "../../../static/js/net/http.js";
import { Invite } from "../../../static/js/protocol/invite.js";
import { DevicePublic } from "../../../static/js/protocol/keys.js";
import { Store } from "../../../static/js/store/store.js";
import { FakeServer } from "../fakes/server.js";
import { closeAll, enrolled, openApp, texts, until } from "./people.js";

afterEach(closeAll);

const connected = (app) => until(app, () => app.connection.status === "connected");
const offered = (app) => until(app, () => app.offer !== null);
const told = (app, code) => until(app, () => app.problem?.code === code);

/** Alice, with a room, whose page is closed. */
async function away(server) {
  const { app, storageName } = await enrolled(server, "alice");
  const roomId = await app.createRoom("Garden");
  await app.send(roomId, "before");
  await until(app, () => app.messages(roomId).at(-1).status === "sent");
  const device = new DevicePublic([...server.sessions].at(-1).devicePublic.bytes);
  const { userId } = app.me;
  await app.close();
  return { storageName, roomId, device, userId };
}

/** The same, shut out meanwhile. */
async function shutOut(server) {
  const alice = await away(server);
  await server.renewSecret({ without: alice.device });
  server.openPort();
  server.closeOldestPort();
  return alice;
}

/** What a page keeps in the moment after it was told. */
async function keepRevoked(storageName) {
  const store = await Store.open(storageName);
  await (await Account.load(store)).update({ revoked: true });
  store.close();
}

test("who was shut out while away is asked, says yes, and is in as somebody new", async () => {
  const server = new FakeServer();
  const { storageName, roomId, userId } = await shutOut(server);

  const app = await openApp(server, storageName, server.makeInvite());
  await offered(app);
  assert.deepEqual([app.offer, app.state, app.problem], [{ isForeign: false }, "ready", null]);
  assert.deepEqual(texts(app, roomId), ["before"]);
  await app.startOver();
  assert.deepEqual([app.state, app.offer, app.rooms], ["invited", null, []]);
  await app.enrol("alice again");
  await connected(app);

  assert.notEqual(app.me.userId, userId);
  assert.deepEqual([app.rooms, texts(app, roomId)], [[], []]);
  await app.close();
  const again = await openApp(server, storageName);
  await connected(again);
  assert.deepEqual([again.me.name, again.rooms, again.problem], ["alice again", [], null]);
});

test("a no leaves all as it was, and is not asked about again", async () => {
  const server = new FakeServer();
  const { storageName, roomId, userId } = await shutOut(server);
  const app = await openApp(server, storageName, server.makeInvite());
  await offered(app);

  const dropped = app.dropSpare();
  assert.equal(app.offer, null);
  await dropped;
  await assert.rejects(app.startOver());
  await app.close();
  const again = await openApp(server, storageName);
  await until(again, () => again.connection.problem?.code === "unknown_peer");

  assert.deepEqual([again.offer, again.me.userId, texts(again, roomId)], [null, userId, ["before"]]);
});

test("it outlives the page, and is in no history that anybody can read", async () => {
  const server = new FakeServer();
  const { storageName } = await shutOut(server);
  const history = { state: null, replaceState: (state) => (history.state = state) };
  const first = await openApp(server, storageName, server.makeInvite(), { history });
  await first.close();
  assert.equal(history.state, null);

  const again = await openApp(server, storageName, "", { history });

  await offered(again);
});

test("a device that learnt that it was signed out is asked, too, before anything is erased", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  await server.renewSecret({ without: new DevicePublic([...server.sessions].at(-1).devicePublic.bytes) });
  await until(app, () => app.state === "revoked");
  await app.close();
  await keepRevoked(storageName);

  const again = await openApp(server, storageName, server.makeInvite());
  assert.deepEqual([again.state, again.offer], ["revoked", { isForeign: false }]);
  await again.close();
  const later = await openApp(server, storageName);
  assert.deepEqual([later.state, later.offer], ["revoked", { isForeign: false }]);
  await later.startOver();

  assert.equal(later.state, "invited");
});

test("a device that the server has forgotten may start over", async () => {
  const server = new FakeServer();
  const { storageName } = await away(server);
  server.refuseOwnKeys = true;

  const app = await openApp(server, storageName, server.makeInvite());

  await offered(app);
  assert.equal(app.connection.problem.code, "refused");
});

test("a member is told that the invitation is not needed, until that was read", async () => {
  const server = new FakeServer();
  const { storageName, roomId, userId } = await away(server);
  const app = await openApp(server, storageName, server.makeInvite());
  await connected(app);
  assert.deepEqual([app.problem.code, app.offer], ["invitation_needless", null]);
  await assert.rejects(app.startOver(), { code: "invitation_needless" });

  server.kill();
  await until(app, () => app.connection.status !== "connected");
  assert.equal(app.problem.code, "invitation_needless");
  server.restart();
  await app.dropSpare();
  await app.close();
  const again = await openApp(server, storageName);
  await connected(again);

  assert.deepEqual([again.problem, again.me.userId, texts(again, roomId)], [null, userId, ["before"]]);
});

test("while the server is away nobody knows, and the invitation waits", async () => {
  const server = new FakeServer();
  const { storageName } = await away(server);
  server.isRunning = false;

  const app = await openApp(server, storageName, server.makeInvite());
  await told(app, "invitation_waits");
  assert.equal(app.offer, null);
  server.isRunning = true;
  app.retryNow();

  await told(app, "invitation_needless");
});

test("an invitation to another server is not used by a member of this one", async () => {
  const [server, other] = [new FakeServer(), new FakeServer()];
  const { storageName } = await away(server);

  const app = await openApp(server, storageName, other.makeInvite());
  await told(app, "invitation_foreign");
  assert.equal(app.offer, null);
  server.isRunning = false;
  await app.close();
  const again = await openApp(server, storageName);

  await told(again, "invitation_foreign");
});

test("where the server was set up anew, its invitation is offered as another server's, and leads in", async () => {
  const [server, anew] = [new FakeServer(), new FakeServer()];
  const { storageName } = await away(server);
  anew.openPort();
  anew.closeOldestPort();

  const app = await openApp(anew, storageName, anew.makeInvite());
  await offered(app);
  assert.deepEqual(app.offer, { isForeign: true });
  await app.startOver();
  await app.enrol("alice");

  await connected(app);
});

test("one that has run out is said to have, once", async () => {
  const server = new FakeServer();
  const { storageName } = await shutOut(server);
  const app = await openApp(server, storageName, server.makeInvite({ lifetimeSeconds: -5 }));
  await told(app, "invitation_expired");
  assert.equal(app.offer, null);
  await app.close();

  const again = await openApp(server, storageName);
  await until(again, () => again.connection.problem?.code === "unknown_peer");

  assert.deepEqual([again.problem, again.offer], [null, null]);
});

test("nothing is erased for an invitation that opens nothing", async () => {
  const server = new FakeServer();
  server.invitesBringSecret = true;
  const { storageName, device, roomId } = await away(server);
  const stale = server.makeInvite();
  server.psks.delete(toHex(Invite.parse(stale).inviteId));
  await server.renewSecret({ without: device });
  server.openPort();
  server.closeOldestPort();
  const app = await openApp(server, storageName, stale);
  await offered(app);

  await assert.rejects(app.startOver(), { code: "invitation_used" });

  assert.deepEqual([app.state, texts(app, roomId)], ["ready", ["before"]]);
});

test("nothing is erased while the server is not to be found", async () => {
  const server = new FakeServer();
  const { storageName, roomId } = await shutOut(server);
  let isThere = true;
  const fetchBytes = async (url) => {
    if (!isThere) throw new FetchFailed("unavailable");
    return server.fetch(url);
  };
  const app = await openApp(server, storageName, server.makeInvite(), { fetchBytes });
  await offered(app);
  isThere = false;

  await assert.rejects(app.startOver(), { code: "unavailable" });
  assert.deepEqual([app.state, texts(app, roomId)], ["ready", ["before"]]);
  isThere = true;
  await app.startOver();

  assert.equal(app.state, "invited");
});

test("one so new that no place knows it yet is waited for", async () => {
  const server = new FakeServer();
  const { storageName } = await shutOut(server);
  const invitation = server.makeInvite();
  const id = toHex(Invite.parse(invitation).inviteId);
  server.unwrapped.add(id);
  const app = await openApp(server, storageName, invitation);
  await offered(app);

  const asked = app.startOver();
  setTimeout(() => {
    server.unwrapped.delete(id);
    server.serial += 1;
  }, 500);
  await asked;

  assert.equal(app.state, "invited");
});

test("who takes the question back while the invitation is tried out keeps all", async () => {
  const server = new FakeServer();
  const { storageName, roomId } = await shutOut(server);
  const app = await openApp(server, storageName, server.makeInvite());
  await offered(app);

  const asked = app.startOver();
  app.dropSpare();
  await assert.rejects(asked);

  assert.deepEqual([app.state, texts(app, roomId)], ["ready", ["before"]]);
});

test("a link with a piece missing is told to a member and to one who was signed out", async () => {
  const server = new FakeServer();
  const { storageName } = await away(server);

  const app = await openApp(server, storageName, "clawchat:nonsense");
  assert.deepEqual([app.state, app.problem.code], ["ready", "invitation_incomplete"]);
  app.dropSpare();
  assert.equal(app.problem, null);
});
