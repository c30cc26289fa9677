import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CODES,
  closeCode,
  errorFor,
  Internal,
  Malformed,
  PeerError,
  StaleEpoch,
  UsageError,
} from "../../../static/js/protocol/errors.js";

test("errors are told apart by code, number and class", () => {
  assert.deepEqual(
    Object.keys(CODES).map(Number),
    Array.from({ length: 16 }, (_, index) => index + 1),
  );
  const error = errorFor(13, "behind", { head: 4 });

  assert.ok(error instanceof StaleEpoch && error instanceof PeerError && !(error instanceof UsageError));
  assert.deepEqual(
    [error.code, error.number, error.message, error.details],
    ["stale_epoch", 13, "behind", { head: 4 }],
  );
  assert.ok(errorFor(999, "") instanceof Internal);
  assert.equal(new Malformed().message, "malformed");
  assert.equal(new UsageError("x").number, null);
  assert.equal(closeCode(9), 4409);
});
