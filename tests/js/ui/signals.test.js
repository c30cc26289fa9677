import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { signals } from "../../../static/js/ui/signal_words.js";
import { readersOf, tellSeen, tellTyping, writersIn } from "../../../static/js/ui/telling.js";

let kept;
let told;
const app = { signals: { typing: (roomId) => told.push(["typing", roomId]), seen: (roomId) => told.push(["seen", roomId]) } };

beforeEach(() => {
  [kept, told] = [new Map(), []];
  globalThis.localStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
});

afterEach(() => {
  delete globalThis.localStorage;
});

test("who writes is named, up to two", () => {
  assert.equal(signals.writing("Ada", 1), "Ada is writing…");
  assert.equal(signals.writing("Ada and Bob", 2), "Ada and Bob are writing…");
  assert.equal(signals.writing("Ada, Bob and Cleo", 3), "Several people are writing…");
});

test("what is typed and seen is told, and nothing of an emptied box", () => {
  tellTyping(app, "room", "h");
  tellTyping(app, "room", "  ");
  tellTyping({ signals: null }, "room", "h");
  tellSeen(app, "room");
  tellSeen({ signals: null }, "room");
  assert.deepEqual(told, [["typing", "room"], ["seen", "room"]]);
});

test("whoever would rather not tells nothing of both", () => {
  kept.set("clawchat.signals", "off");
  tellTyping(app, "room", "h");
  tellSeen(app, "room");
  assert.deepEqual(told, []);
});

test("who writes and who has read is shown to whoever shows it", () => {
  const others = { signals: { writers: (roomId) => [`${roomId} writer`], readers: (roomId, seq) => [`${roomId} ${seq}`] } };
  const shown = () => [...writersIn(others, "room"), ...readersOf(others, "room", 3)];

  assert.deepEqual(shown(), ["room writer", "room 3"]);
  assert.deepEqual([...writersIn({ signals: null }, "room"), ...readersOf({ signals: null }, "room", 3)], []);
  kept.set("clawchat.signals", "off");
  assert.deepEqual(shown(), []);
});
