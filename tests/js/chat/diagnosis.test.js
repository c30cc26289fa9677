import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { diagnose } from "../../../static/js/chat/diagnosis.js";
import { FINDINGS } from "../../../static/js/chat/findings.js";
import { words } from "../../../static/js/ui/words.js";

const cases = JSON.parse(await readFile(new URL("../../diagnosis_cases.json", import.meta.url), "utf8"));

for (const { name, met, code, about, grades } of cases) {
  test(`diagnosis: ${name}`, () => {
    const { steps, verdict } = diagnose(met.map(([each, what]) => ({ code: each, about: what })));

    assert.equal(verdict.code, code);
    assert.ok(verdict.sentence.includes(about), verdict.sentence);
    const seen = Object.fromEntries(steps.map((step) => [step.name, step.grade]).filter(([step]) => step in grades));
    assert.deepEqual(seen, grades);
  });
}

test("everything wrong ends in one sentence and one remedy", () => {
  for (const [code, [, grade]] of Object.entries(FINDINGS)) {
    if (grade !== "wrong") continue;
    const { verdict } = diagnose([{ code, about: "chat.example" }]);

    assert.equal(verdict.code, code);
    assert.ok(verdict.remedy, code);
    assert.ok(!verdict.sentence.includes("{about}"));
  }
});

test("who has an old page is told by which button the newer one comes: to reload opens the one that is kept", () => {
  const { verdict } = diagnose([{ code: "gate_version", about: "" }]);

  assert.ok(verdict.remedy.includes(`"${words.update.use}"`), verdict.remedy);
});
