// The page's side: a newer version is offered, never forced, and switched to when it is wanted.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Updates } from "../../../static/js/worker/updates.js";

const HOUR_MS = 3_600_000;

/** A worker of the browser in one of its states. */
class Installed extends EventTarget {
  said = [];

  constructor(state) {
    super();
    this.state = state;
  }

  become(state) {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }

  postMessage(message) {
    this.said.push(message);
  }
}

/** What a browser gives for a registered worker. */
class Registration extends EventTarget {
  /** The version in use; none on a first visit. */
  active = new Installed("activated");
  waiting = null;
  installing = null;
  lookedTimes = 0;
  /** What the next look finds: called once it is looked. */
  found = () => {};

  async update() {
    this.lookedTimes += 1;
    await this.found();
  }

  /** A newer version is on its way. */
  bring() {
    this.installing = new Installed("installing");
    this.dispatchEvent(new Event("updatefound"));
    return this.installing;
  }

  /** It has come whole. */
  arrive() {
    const worker = this.installing;
    [this.waiting, this.installing] = [worker, null];
    worker.become("installed");
    return worker;
  }
}

class Container extends EventTarget {
  controller = null;
  registered = [];
  registration = new Registration();
  failure = null;

  async register(address) {
    this.registered.push(String(address));
    if (this.failure) throw this.failure;
    return this.registration;
  }
}

let container;
let reloads;
let page;

beforeEach(() => {
  container = new Container();
  reloads = 0;
  page = { reload: () => (reloads += 1) };
});

async function begun() {
  const updates = new Updates(container, page);
  let changes = 0;
  updates.addEventListener("change", () => (changes += 1));
  await updates.begin();
  return { updates, registration: container.registration, changes: () => changes };
}

test("the worker is asked for at its one address", async () => {
  await begun();

  assert.deepEqual(container.registered, ["/worker.js"]);
});

test("the policy lets no other address through", async () => {
  const asked = [];
  globalThis.trustedTypes = {
    createPolicy: (name, { createScriptURL }) => {
      asked.push(name);
      return { createScriptURL: () => createScriptURL("https://elsewhere.example/worker.js") };
    },
  };
  try {
    await begun();
  } finally {
    delete globalThis.trustedTypes;
  }

  assert.deepEqual([asked, container.registered], [["worker"], ["/worker.js"]]);
});

test("a newer version is offered when it is whole, and nothing switches by itself", async () => {
  const { updates, registration, changes } = await begun();

  registration.bring();
  assert.deepEqual([updates.isWaiting, changes()], [false, 0]);
  const worker = registration.arrive();

  assert.deepEqual([updates.isWaiting, changes()], [true, 1]);
  assert.deepEqual([worker.said, reloads], [[], 0]);
});

test("the version of a first visit is not offered, though it waits for a moment", async () => {
  container.registration.active = null;
  const { updates, registration, changes } = await begun();
  registration.bring();

  registration.arrive();

  assert.deepEqual([updates.isWaiting, changes()], [false, 0]);
});

test("one that was at hand before is offered at once", async () => {
  container.registration.waiting = new Installed("installed");

  const { updates, changes } = await begun();

  assert.deepEqual([updates.isWaiting, changes()], [true, 1]);
});

test("one that did not come whole is not offered", async () => {
  const { updates, registration, changes } = await begun();
  const worker = registration.bring();

  registration.installing = null;
  worker.become("redundant");

  assert.deepEqual([updates.isWaiting, changes()], [false, 0]);
});

test("who wants it gets it: the worker switches, then the page is opened again", async () => {
  const { updates, registration } = await begun();
  registration.bring();
  const worker = registration.arrive();

  await updates.reload();
  assert.deepEqual([worker.said, reloads], [["switch"], 0]);

  worker.become("activating");
  assert.equal(reloads, 0);
  worker.become("activated");
  assert.equal(reloads, 1);
});

test("the page that asked is opened once, though both its controller and the worker tell of the switch", async () => {
  container.controller = new Installed("activated");
  const { updates, registration } = await begun();
  registration.bring();
  const worker = registration.arrive();
  await updates.reload();

  container.dispatchEvent(new Event("controllerchange"));
  worker.become("activated");

  assert.equal(reloads, 1);
});

test("who broke the reload off can ask for a version again", async () => {
  const { updates, registration } = await begun();
  for (const _ of ["broken off", "again"]) {
    registration.bring();
    const worker = registration.arrive();
    await updates.reload();
    worker.become("activated");
  }

  assert.equal(reloads, 2);
});

test("a version that gives way to yet another before it is used keeps nobody waiting", async () => {
  const { updates, registration } = await begun();
  registration.bring();
  const worker = registration.arrive();
  await updates.reload();

  worker.become("redundant");

  assert.equal(reloads, 1);
});

test("a page under the old version follows when another page has switched", async () => {
  container.controller = new Installed("activated");
  await begun();

  container.dispatchEvent(new Event("controllerchange"));

  assert.equal(reloads, 1);
});

test("it follows while it is still being opened, too", () => {
  container.controller = new Installed("activated");
  new Updates(container, page);

  container.dispatchEvent(new Event("controllerchange"));

  assert.equal(reloads, 1);
});

test("the first worker of all changes nothing for the page that brought it", async () => {
  await begun();

  container.dispatchEvent(new Event("controllerchange"));

  assert.equal(reloads, 0);
});

// To open the page again

test("to open the page again fetches the newest version first", async () => {
  const { updates, registration } = await begun();
  registration.found = () => {
    registration.bring();
    queueMicrotask(() => queueMicrotask(() => registration.arrive()));
  };

  await updates.reload();

  assert.deepEqual(registration.waiting.said, ["switch"]);
  assert.equal(reloads, 0);
});

for (const [what, found] of [
  ["there is none", () => {}],
  ["the front door is away", () => Promise.reject(new TypeError("Failed to fetch"))],
])
  test(`to open the page again is just that when ${what}`, async () => {
    const { updates, registration } = await begun();
    registration.found = found;

    await updates.reload();

    assert.equal(reloads, 1);
  });

test("to open the page again does not wait for ever", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { updates, registration } = await begun();
    registration.found = () => new Promise(() => {});

    const opened = updates.reload();
    await Promise.resolve();
    mock.timers.tick(10_000);
    await opened;
  } finally {
    mock.timers.reset();
  }

  assert.equal(reloads, 1);
});

// Browsers that have none

test("without workers the page does as before", async () => {
  const updates = new Updates(undefined, page);

  await updates.begin();
  await updates.look();
  await updates.reload();

  assert.deepEqual([updates.isWaiting, reloads], [false, 1]);
});

test("a browser that refuses is let be", async () => {
  container.failure = new DOMException("The operation is insecure.", "SecurityError");
  const { updates } = await begun();

  await updates.look();
  await updates.reload();

  assert.deepEqual([updates.isWaiting, reloads], [false, 1]);
});

// Pages that stay open

test("a page that stays open looks once an hour, and bears it when the front door is away", async () => {
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  try {
    const { updates, registration } = await begun();
    registration.found = () => Promise.reject(new TypeError("Failed to fetch"));

    await updates.look();
    assert.equal(registration.lookedTimes, 0);
    mock.timers.tick(HOUR_MS);
    await updates.look();
    await updates.look();
    assert.equal(registration.lookedTimes, 1);
    mock.timers.tick(HOUR_MS);
    await updates.look();
    assert.equal(registration.lookedTimes, 2);
    mock.timers.setTime(Date.now() - 2 * 365 * 24 * HOUR_MS);
    await updates.look();
    assert.equal(registration.lookedTimes, 3);
  } finally {
    mock.timers.reset();
  }
});
