import assert from "node:assert/strict";
import { test } from "node:test";

import { clockProblem } from "../../../static/js/ui/clock_problem.js";
import { noticeFor } from "../../../static/js/ui/problems.js";

const MINUTE_MS = 60_000;

test("a wrong clock is told with its side and its length, and what to do", () => {
  const about = (clockAhead) => clockProblem({ clockAhead }).about;

  assert.equal(about(-120 * MINUTE_MS), "it is 2 hours behind the server's.");
  assert.equal(about(6 * MINUTE_MS), "it is 6 minutes ahead of the server's.");
  assert.equal(about(3 * 24 * 60 * MINUTE_MS), "it is 3 days ahead of the server's.");
  assert.deepEqual({ ...clockProblem({ clockAhead: MINUTE_MS }), about: "" }, { code: "clock_off", about: "", quiet: true });
  assert.match(noticeFor("clock_off").text, /Set it to automatic/);
});

test("nothing is said of a clock that is right", () => {
  assert.equal(clockProblem({ clockAhead: 0 }), null);
});
