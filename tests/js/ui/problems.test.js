import assert from "node:assert/strict";
import { test } from "node:test";

import { noticeFor, problemFor } from "../../../static/js/ui/problems.js";

test("an unknown code is named, so that whoever helps can look it up", () => {
  assert.match(problemFor("no_such_code").text, /no_such_code/);
});

test("names that every object has are not taken for codes", () => {
  assert.match(problemFor("constructor").text, /constructor/);
});

test("a bar can always be answered", () => {
  for (const code of ["too_large", "unavailable", "revoked", "no_such_code"]) assert.ok(noticeFor(code).remedy);
});

test("all that a room can suffer from has words of its own", () => {
  const codes = ["room_over", "not_member", "leaving", "unconfirmed", "state_lost", "state_rolled_back", "stale_epoch"];
  for (const code of [...codes, "commit_not_understood", "no_package"]) assert.ok(!problemFor(code).text.includes(code));
});

test("a room that waits for a sign of somebody known can be trusted at once", () => {
  assert.equal(problemFor("unconfirmed").remedy.action, "trust");
});
