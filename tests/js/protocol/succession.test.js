import assert from "node:assert/strict";
import { test } from "node:test";

import { IdentityKey } from "../../../static/js/protocol/keys.js";
import { SUCCESSION_BYTES, SUCCESSION_MAX_SECONDS } from "../../../static/js/protocol/limits.js";
import { signSuccession, SuccessorStatement } from "../../../static/js/protocol/succession.js";

const [OLD, NEW] = [IdentityKey.generate(), IdentityKey.generate()];
const NOW = 1_760_000_000;

test("what is signed is believed, and no byte of it may be another", () => {
  const good = signSuccession(OLD, NEW, NOW, NOW + 60).encode();
  SuccessorStatement.parse(good).check([OLD.public], NOW);
  assert.equal(good.length, SUCCESSION_BYTES);
  for (let at = 0; at < SUCCESSION_BYTES; at += 1) {
    const changed = good.slice();
    changed[at] ^= 1;
    assert.throws(() => SuccessorStatement.parse(changed).check([OLD.public], NOW), { name: /^(?!UsageError)/ }, `${at}`);
  }
});

test("what readers would refuse is not signed", () => {
  for (const [successor, seconds] of [[OLD, 60], [NEW, 0], [NEW, -1], [NEW, SUCCESSION_MAX_SECONDS + 1]]) {
    assert.throws(() => signSuccession(OLD, successor, NOW, NOW + seconds), { code: "usage" });
  }
});
