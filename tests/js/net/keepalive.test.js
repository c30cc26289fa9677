import assert from "node:assert/strict";
import { test } from "node:test";

import { Keepalive } from "../../../static/js/net/keepalive.js";

function watch(t) {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const did = [];
  const keepalive = new Keepalive({ ping: () => did.push("ping"), giveUp: () => did.push("give up") });
  const pass = (seconds) => {
    for (let second = 0; second < seconds; second += 1) t.mock.timers.tick(1000);
  };
  return { did, keepalive, pass };
}

test("after 25 s of silence it pings, after 60 s it gives up", (t) => {
  const { did, keepalive, pass } = watch(t);

  pass(24);
  assert.deepEqual(did, []);
  pass(2);
  assert.deepEqual(did, ["ping"]);
  pass(34);

  assert.deepEqual(did, ["ping", "ping", "give up"]);
  keepalive.stop();
});

test("whoever is heard is left alone", (t) => {
  const { did, keepalive, pass } = watch(t);

  for (let round = 0; round < 10; round += 1) {
    pass(20);
    keepalive.heard();
  }

  assert.deepEqual(did, []);
  keepalive.stop();
});

test("a stopped one does nothing more", (t) => {
  const { did, keepalive, pass } = watch(t);

  keepalive.stop();
  pass(120);

  assert.deepEqual(did, []);
});

test("a server may ask for less patience, from 10 to 60 seconds; pings go after five twelfths of it", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  for (const [idleSeconds, ping, end] of [[24, 10, 24], [36, 15, 36], [60, 25, 60], [61, 25, 60], [9, 5, 10], [0, 5, 10]]) {
    const did = [];
    let second = 0;
    const note = (what) => () => did.push([what, second]);
    const keepalive = new Keepalive({ ping: note("ping"), giveUp: note("give up"), idleSeconds });
    for (second = 1; second <= end; second += 1) t.mock.timers.tick(1000);
    keepalive.stop();
    assert.deepEqual([did[0], did.at(-1)], [["ping", ping], ["give up", end]]);
  }
});
