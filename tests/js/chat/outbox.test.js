import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../../static/js/chat/outbox.js";
import { newMessageId } from "../../../static/js/protocol/primitives.js";

const [OLD, NEW] = [{ name: "old session" }, { name: "new session" }];

/** An outbox with as many messages as `epochs`, encrypted for these and sent on a session. */
function filled(epochs, channel = OLD) {
  const outbox = new Outbox("room");
  const entries = epochs.map((epoch, number) => {
    const entry = outbox.add({ messageId: newMessageId(1), time: 5, payload: new Uint8Array(), text: String(number) });
    return epoch === null ? entry : Object.assign(entry, { epoch, message: Uint8Array.of(number), channel });
  });
  return { outbox, entries };
}

const plan = (outbox, channel, epoch) => outbox.sendable(channel, epoch).map((entry) => entry.text);

test("what is under way on a session is not sent on it again, what came later is", () => {
  const { outbox } = filled([1, 1, null]);

  assert.deepEqual(plan(outbox, OLD, 1), ["2"]);
});

test("another session gets everything that was not acknowledged, in order", () => {
  const { outbox, entries } = filled([1, 1, 1]);
  outbox.acknowledge(entries[0]);

  assert.deepEqual(plan(outbox, NEW, 1), ["1", "2"]);
});

test("nothing overtakes a message that is under way for an epoch that is over", () => {
  const { outbox, entries } = filled([1, null]);

  assert.deepEqual(plan(outbox, OLD, 2), []);
  outbox.acknowledge(entries[0]);

  assert.deepEqual(plan(outbox, OLD, 2), ["1"]);
});

test("a stale message waits for the commit that made it stale, and goes before all behind it", () => {
  const { outbox, entries } = filled([1, 1, null]);
  entries[0].stale = true;

  assert.deepEqual(plan(outbox, OLD, 1), []);
  assert.deepEqual(plan(outbox, OLD, 2), ["0"]);
  entries[1].stale = true;

  assert.deepEqual(plan(outbox, OLD, 2), ["0", "1", "2"]);
});

test("after a refusal that passes everything from there on is sent again with the same bytes", () => {
  const { outbox, entries } = filled([1, 1, 1]);

  outbox.rewind(entries[1]);

  assert.deepEqual(plan(outbox, OLD, 1), ["1", "2"]);
  assert.ok(entries.every((entry) => entry.message !== null));
});

test("a refused message that was overtaken is encrypted anew", () => {
  const { outbox, entries } = filled([1, 1, 1]);
  outbox.rewind(entries[0]);

  outbox.acknowledge(entries[1]);

  assert.deepEqual(entries.map((entry) => entry.message === null), [true, false, false]);
});

test("messages keep their order in the store, whatever the clock does", () => {
  const { outbox, entries } = filled([null, null]);
  const earlier = outbox.add({ messageId: newMessageId(1), time: 1, payload: new Uint8Array(), text: "late" });

  const keys = [...entries, earlier].map((entry) => outbox.keyOf(entry));
  const restored = new Outbox("room", [...entries, earlier].map((entry) => entry.row));

  assert.deepEqual(keys, keys.toSorted());
  assert.deepEqual(restored.shown.map((entry) => entry.text), ["0", "1", "late"]);
});

test("what was added while others were written is still unsaved", () => {
  const { outbox, entries } = filled([null]);
  const writing = outbox.unsaved;
  const later = outbox.add({ messageId: newMessageId(1), time: 6, payload: new Uint8Array(), text: "later" });

  outbox.saved(writing);

  assert.deepEqual(writing, entries);
  assert.deepEqual(outbox.unsaved, [later]);
});
