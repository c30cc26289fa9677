// The invitation in the address: gone from there at once, and lost by no reload before the device has it.

import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { takeInvitation } from "../../../static/js/chat/invitation.js";
import { FakeServer } from "../fakes/server.js";
import { closeAll, openApp, until } from "./people.js";

afterEach(closeAll);

/** One tab's place in its history, which outlives the page. */
class TabHistory {
  state = null;
  urls = [];

  replaceState(state, _unused, url) {
    this.state = state;
    if (url !== undefined) this.urls.push(url);
  }
}

/** Locks that another page holds, until it lets go. */
class HeldLocks {
  release;
  #held = new Promise((resolve) => (this.release = resolve));
  #isHeld = true;

  async request(_name, { ifAvailable = false }, callback) {
    if (ifAvailable && this.#isHeld) return callback(null);
    await this.#held;
    this.#isHeld = false;
    return callback({});
  }
}

test("a page that waits for another one and is opened again still has its invitation", async () => {
  const [server, locks, history] = [new FakeServer(), new HeldLocks(), new TabHistory()];
  const waiting = await openApp(server, "waiting", server.makeInvite(), { locks, history });
  assert.equal(waiting.state, "elsewhere");
  assert.deepEqual(history.urls, ["/page?x=1"]);

  const again = await openApp(server, "again", "", { locks, history });
  locks.release();
  await until(again, () => again.state === "invited");
  await again.enrol("alice");

  assert.equal(again.me.name, "alice");
});

test("once the device has it, it is nowhere else", async () => {
  const [server, history] = [new FakeServer(), new TabHistory()];

  const app = await openApp(server, "kept", server.makeInvite(), { history });

  assert.equal(app.state, "invited");
  assert.equal(history.state, null);
});

test("one that cannot be read is told once", async () => {
  const [server, history] = [new FakeServer(), new TabHistory()];

  const app = await openApp(server, "unreadable", "clawchat:nonsense", { history });

  assert.equal(app.problem.code, "invitation_unreadable");
  assert.equal(history.state, null);
});

test("another one in the address counts more than the one that was taken", () => {
  const [server, history] = [new FakeServer(), new TabHistory()];
  const page = (hash) => ({ hash, pathname: "/", search: "" });
  const [first, second] = [server.makeInvite(), server.makeInvite()];

  takeInvitation(page(`#${first}`), history);

  assert.equal(takeInvitation(page(`#${second}`), history).encode(), second);
  assert.equal(takeInvitation(page(""), history).encode(), second);
});

test("what else a page keeps in its history is no invitation", () => {
  const history = new TabHistory();
  history.state = { room: "ab" };

  assert.equal(takeInvitation({ hash: "#more", pathname: "/", search: "" }, history), null);
  assert.deepEqual(history.state, { room: "ab" });
});
