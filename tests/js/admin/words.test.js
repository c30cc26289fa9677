// The dashboard's words: amounts, times and the verdict, as somebody reads them in passing.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bytes, clock, duration, moment, number, reasons, verdict } from "../../../static/js/admin/words.js";

const NOON = Date.UTC(2026, 10, 22, 12, 5) / 1000;

test("numbers are grouped, small rates keep a digit, and nothing is a dash", () => {
  assert.equal(number(4100), "4,100");
  assert.equal(number(2.25), "2.3");
  assert.equal(number(0), "0");
  assert.equal(number(null), "-");
});

test("amounts of bytes take the unit that keeps them short", () => {
  assert.equal(bytes(0), "0 bytes");
  assert.equal(bytes(999), "999 bytes");
  assert.equal(bytes(1500), "1.5 KB");
  assert.equal(bytes(61e9), "61 GB");
  assert.equal(bytes(undefined), "-");
});

test("lengths of time are told by their largest unit", () => {
  assert.equal(duration(-3), "0 s");
  assert.equal(duration(89), "89 s");
  assert.equal(duration(720), "12 min");
  assert.equal(duration(7200), "2 h");
  assert.equal(duration(3 * 86_400), "3 days");
});

test("instants are told in UTC, and midnight by its day", () => {
  assert.equal(clock(NOON), "12:05");
  assert.equal(moment(NOON, 300), "12:05");
  assert.equal(moment(Date.UTC(2026, 10, 22) / 1000, 3600), "22 Nov");
  assert.equal(moment(NOON, 86_400), "22 Nov");
});

test("the most frequent reason comes first, an unknown one under its own name", () => {
  assert.equal(reasons({ limit: 2, gate: 1200, odd_one: 1 }), "1,200 did not know the way in, 2 found no room, 1 odd one");
  assert.equal(reasons({}), "");
});

test("the verdict counts what presses, not what is only good to know", () => {
  assert.equal(verdict([]), "All is well.");
  assert.equal(verdict([{ severity: "notice" }]), "All is well.");
  assert.equal(verdict([{ severity: "notice" }, { severity: "urgent" }]), "One thing needs you.");
  assert.equal(verdict([{ severity: "warning" }, { severity: "urgent" }]), "2 things need you.");
});
