import assert from "node:assert/strict";
import { test } from "node:test";

import { firstUnreadOf, rowsOf, sameMessage } from "../../../static/js/ui/grouping.js";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const reading = { sameDay: (one, other) => Math.floor(one / DAY) === Math.floor(other / DAY) };

function message(id, sender, minute, more = {}) {
  const own = sender === "alice";
  return { id, sender, own, name: sender, text: id, time: minute * MINUTE, status: own ? "sent" : "received", seq: 1, ...more };
}

/** Rows in short: "day", "unread", "notice:id", "id" with [ where a group opens and ] where it closes. */
function shape(messages, more = {}) {
  return rowsOf(messages, { ...reading, ...more }).map((row) => {
    if (row.kind === "notice") return `notice:${row.message.id}`;
    return row.kind === "message" ? `${row.opens ? "[" : ""}${row.message.id}${row.closes ? "]" : ""}` : row.kind;
  });
}

test("messages of one person stand in one group", () => {
  const log = [message("a", "bob", 1), message("b", "bob", 2), message("c", "alice", 3), message("d", "bob", 4)];
  assert.deepEqual(shape(log), ["day", "[a", "b]", "[c]", "[d]"]);
});

test("a pause of five minutes opens a new group", () => {
  assert.deepEqual(shape([message("a", "bob", 1), message("b", "bob", 6)]), ["day", "[a]", "[b]"]);
});

test("a new day, a notice and the first unread message each open a new group", () => {
  const log = [
    message("a", "bob", 1439),
    message("b", "bob", 1440),
    message("n", "", 1441, { status: "notice" }),
    message("c", "bob", 1442),
    message("d", "bob", 1443),
  ];
  assert.deepEqual(shape(log, { firstUnread: "d" }), ["day", "[a]", "day", "[b]", "notice:n", "[c]", "unread", "[d]"]);
});

test("one's own words on another device do not join those of somebody with the same id", () => {
  assert.deepEqual(shape([message("a", "alice", 1), message("b", "alice", 1, { own: false })]), ["day", "[a]", "[b]"]);
});

test("a message keeps its key when the server has placed it", () => {
  const key = (status) => rowsOf([message("a", "alice", 1, { status })], reading)[1].key;
  assert.equal(key("waiting"), key("sent"));
});

test("keys are never twice in a log", () => {
  const log = [message("a", "bob", 1), message("b", "bob", 2000), message("n", "", 2001, { status: "notice" })];
  const keys = rowsOf(log, { ...reading, firstUnread: "b" }).map((row) => row.key);
  assert.equal(new Set(keys).size, keys.length);
});

test("the first unread message is counted from the end, among those of others", () => {
  const log = [
    message("a", "bob", 1),
    message("b", "bob", 2),
    message("n", "", 3, { status: "notice" }),
    message("c", "alice", 4),
    message("d", "bob", 5),
  ];
  assert.equal(firstUnreadOf(log, 2), "b");
  assert.equal(firstUnreadOf(log, 0), null);
  assert.equal(firstUnreadOf(log, 9), "a");
  assert.equal(firstUnreadOf([], 3), null);
});

test("a message looks the same until something that shows has changed", () => {
  const waiting = message("a", "alice", 1, { status: "waiting", seq: null });
  assert.ok(sameMessage(waiting, { ...waiting }));
  assert.ok(!sameMessage(waiting, { ...waiting, status: "sent" }));
  assert.ok(!sameMessage(waiting, { ...waiting, seq: 4 }));
  assert.ok(!sameMessage(undefined, waiting));
});
