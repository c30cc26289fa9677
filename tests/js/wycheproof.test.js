// Our primitives against the Wycheproof project's cases, which are not part of the repository: their folder is named by
// WYCHEPROOF_DIR, or lies beside the checkout. The browser's judgement of the same cases: tests/e2e/test_wycheproof.py.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { ENGINES, expected, judge, takes } from "./wycheproof_engines.js";

const BESIDE = fileURLToPath(new URL("../../../shared/vectors/wycheproof", import.meta.url));
const DIRECTORY = process.env.WYCHEPROOF_DIR ?? BESIDE;

for (const file of Object.keys(ENGINES.ours)) {
  const path = join(DIRECTORY, `${file}.json`);
  const skip = !existsSync(path) && "outside the repository: WYCHEPROOF_DIR names no such folder";

  test(`${file} is judged as the project has it`, { skip }, async () => {
    const cases = JSON.parse(readFileSync(path, "utf8"));
    const verdicts = await judge("ours", file, cases);
    const taken = cases.testGroups.filter((group) => takes(file, group)).flatMap((group) => group.tests);

    assert.ok(taken.length > 50, `${taken.length} cases`);
    for (const given of taken) {
      assert.equal(verdicts[given.tcId], expected(file, given), `case ${given.tcId}: ${given.comment ?? given.flags}`);
    }
  });
}
