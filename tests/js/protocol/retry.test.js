import assert from "node:assert/strict";
import { test } from "node:test";

import { retrySeconds } from "../../../static/js/protocol/retry.js";

test("the seconds of a refusal are read strictly", () => {
  const read = ["30 seconds until then", "1", "99999 s", "100000 s", "-5 s", "1.5 s", "\u0661 s", " 5", "soon", ""];

  assert.deepEqual(read.map(retrySeconds), [30, 1, 99_999, 0, 0, 0, 0, 0, 0, 0]);
});
