import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { enrol } from "../../../static/js/chat/enrolment.js";
import { FakeServer, MIRROR } from "../fakes/server.js";
import { closeAll, enrolled, openApp, until } from "./people.js";

const LIAR = "https://liar.example/connection.json";

afterEach(closeAll);

test("without an account and an invitation there is nothing to do", async () => {
  const app = await openApp(new FakeServer(), "nobody");

  assert.equal(app.state, "empty");
  assert.equal(app.problem, null);
});

test("the invitation leaves the address at once and survives a reload", async () => {
  const server = new FakeServer();
  const replaced = [];
  const history = { replaceState: (...values) => replaced.push(values[2]) };

  const app = await openApp(server, "invited", server.makeInvite(), { history });
  await app.close();
  const again = await openApp(server, "invited");

  assert.deepEqual(replaced, ["/page?x=1"]);
  assert.equal(again.state, "invited");
  await until(again, () => again.invitation.serverName === "Fake");
  assert.equal(again.invitation.expired, false);
});

test("an invitation lets one device in, and no second one", async () => {
  const server = new FakeServer();
  server.invitesBringSecret = true;
  const invitation = server.makeInvite();
  const alice = await openApp(server, "first", invitation);
  await alice.enrol("alice");
  await until(alice, () => alice.connection.status === "connected");

  const mallory = await openApp(server, "second", invitation);
  await assert.rejects(mallory.enrol("mallory"), { code: "invitation_used" });

  assert.equal(alice.state, "ready");
  assert.equal(mallory.state, "invited");
  assert.equal(mallory.problem.code, "invitation_used");
});

test("an invitation that is newer than the published file is waited for, and the page says so", async () => {
  const server = new FakeServer();
  const invitation = server.makeInvite();
  server.unwrapped = new Set(server.psks.keys());
  const app = await openApp(server, "early", invitation);

  await enrolWhen(app, "invitation_awaited", () => {
    assert.equal(app.state, "enrolling");
    server.unwrapped.clear();
    server.serial += 1;
  });

  assert.equal(app.state, "ready");
  assert.equal(app.problem, null);
});

test("an invitation that opens nothing is given up after half a minute", async ({ mock }) => {
  mock.timers.enable({ apis: ["Date", "setTimeout"] });
  const waits = [];
  const account = { invite: { expires: Infinity }, discoverySecrets: new Map() };
  const finder = { refresh: () => Promise.reject(Object.assign(new Error("none"), { code: "unknown_peer" })) };
  let outcome = null;

  enrol({ account, finder, waiting: () => waits.push(Date.now()) }).catch((cause) => (outcome = cause.code));
  for (let seconds = 0; seconds < 40 && outcome === null; seconds++) {
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(1000);
  }

  assert.equal(outcome, "invitation_opens_nothing");
  assert.deepEqual([waits.length, waits.at(-1)], [31, 30_000]);
});

test("a place that lies ends no enrolment while the one that has the address is silent", async () => {
  const { server, places, invitation } = withTwoPlaces();
  places[LIAR] = () => new TextEncoder().encode("<html>Welcome</html>");
  const app = await openApp(server, "deceived", invitation);

  await enrolWhen(app, "invitation_awaited", () => (places[MIRROR] = () => server.file()));

  assert.equal(app.state, "ready");
});

for (const [who, code] of [["a tripwire", 4409], ["a stranger", 1008]])
  test(`${who} at a port that was left says nothing of the invitation`, async () => {
    const { server, places, invitation, close } = withTwoPlaces();
    const old = await server.file();
    const [port] = server.ports.keys();
    server.openPort();
    close(port, code);
    places[LIAR] = () => old;
    const app = await openApp(server, `led to ${who}`, invitation);

    await enrolWhen(app, "invitation_awaited", () => (places[MIRROR] = () => server.file()));

    assert.equal(app.state, "ready");
  });

test("places that only lie are told apart from a server that is away, and at once", async () => {
  const { server, places, invitation } = withTwoPlaces();
  places[LIAR] = places[MIRROR] = () => new TextEncoder().encode("<html>Welcome</html>");
  const app = await openApp(server, "hurried", invitation);
  await assert.rejects(app.enrol("hurried"), { code: "malformed" });

  delete places[LIAR];
  delete places[MIRROR];
  await assert.rejects(app.enrol("hurried"), { code: "unavailable" });
});

test("a used invitation opens no file that was published after it was used", async () => {
  const server = new FakeServer();
  const invitation = server.makeInvite();
  const alice = await openApp(server, "used first", invitation);
  await alice.enrol("alice");
  await until(alice, () => alice.connection.status === "connected");

  const mallory = await openApp(server, "used second", invitation);
  mallory.enrol("mallory").catch(() => {});
  await until(mallory, () => mallory.problem?.code === "invitation_awaited");

  assert.equal(mallory.invitation.serverName, "");
  assert.equal(server.psks.size, 1);
});

test("an invitation that ran out is not even tried", async () => {
  const server = new FakeServer();
  const app = await openApp(server, "late", server.makeInvite({ lifetimeSeconds: -1 }));

  await assert.rejects(app.enrol("late"), { code: "invitation_expired" });

  assert.equal(app.invitation.expired, true);
});

test("a damaged invitation is named as such", async () => {
  const server = new FakeServer();
  const app = await openApp(server, "damaged", server.makeInvite().slice(0, -6));

  assert.equal(app.state, "empty");
  assert.equal(app.problem.code, "invitation_unreadable");
});

test("a server that is away makes the enrolment fail, and it works when it is back", async () => {
  const server = new FakeServer();
  const app = await openApp(server, "patient", server.makeInvite());
  server.kill();
  await assert.rejects(app.enrol("patient"), { code: "unavailable" });

  server.restart();
  await app.enrol("patient");

  assert.equal(app.state, "ready");
});

test("an enrolment that was cut off after the server's word is finished by the next page", async () => {
  const server = new FakeServer();
  const app = await openApp(server, "cut", server.makeInvite());
  server.refuseOwnKeys = true;
  await app.enrol("cut");
  await app.close();
  server.refuseOwnKeys = false;

  const again = await openApp(server, "cut");
  await until(again, () => again.connection.status === "connected");

  assert.equal(again.me.name, "cut");
  await until(again, () => again.people.length === 1);
});

test("an enrolment whose key was replaced is made again", async () => {
  const server = new FakeServer();
  server.losePairs = 1;
  const app = await openApp(server, "replaced", server.makeInvite());
  await app.enrol("replaced");

  await until(app, () => app.connection.status === "connected");

  assert.equal(app.me.name, "replaced");
  assert.ok([...server.psks.values()].every(({ isInvite }) => !isInvite));
});

test("a second page waits until the first one has gone", async () => {
  const server = new FakeServer();
  const locks = new Locks();
  const first = await openApp(server, "shared", server.makeInvite(), { locks });
  await first.enrol("alice");

  const second = await openApp(server, "shared", "", { locks });
  assert.equal(second.state, "elsewhere");
  await first.close();
  await until(second, () => second.state === "ready");

  assert.equal(second.me.name, "alice");
});

test("a page that was overtaken without a lock stops", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");

  const other = await openApp(server, storageName);
  await app.createRoom("late").catch(() => {});
  await until(app, () => app.state === "elsewhere");

  assert.equal(other.state, "ready");
});

/** Use the app's invitation; once it shows this problem, something changes. */
async function enrolWhen(app, code, change) {
  const enrolling = app.enrol("newcomer");
  await until(app, () => app.problem?.code === code);
  change();
  await enrolling;
}

/** A server, an invitation to it that names two places, both silent until the test says what they give. */
function withTwoPlaces() {
  const server = new FakeServer();
  // By the URL of a port that was left: what whoever is there now closes with.
  const [places, left] = [{}, new Map()];
  const invitation = server.makeInvite({ locators: [LIAR, MIRROR] });
  server.fetch = async (url) => {
    if (!places[url]) throw Object.assign(new Error("silent"), { code: "unavailable" });
    return places[url]();
  };
  const accept = server.accept.bind(server);
  server.accept = (url, handlers) => {
    if (!left.has(url)) return accept(url, handlers);
    return { send: () => queueMicrotask(() => handlers.onEnd(left.get(url))), close: () => {} };
  };
  const close = (url, code) => {
    server.ports.delete(url);
    left.set(url, code);
  };
  return { server, places, invitation, close };
}

/** The browser's locks, as far as the app uses them. */
class Locks {
  #held = Promise.resolve();
  #isHeld = false;

  async request(_name, { ifAvailable = false }, callback) {
    if (ifAvailable && this.#isHeld) return callback(null);
    await this.#held;
    this.#isHeld = true;
    this.#held = Promise.resolve(callback({})).finally(() => (this.#isHeld = false));
    return this.#held;
  }
}
