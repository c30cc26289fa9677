// The runner of session vector files must fail on whatever is not exactly right.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const VECTORS = fileURLToPath(new URL("../vectors", import.meta.url));

/** A right case of our own vectors, in the shape of a session vector file. */
const CASE = readdirSync(join(VECTORS, "derive_session_keys"))
  .map((file) => JSON.parse(readFileSync(join(VECTORS, "derive_session_keys", file), "utf8")))
  .filter(({ expect }) => expect === "ok")
  .map(({ input, output }) => ({ ...input, ...output }))[0];

function run(content) {
  const folder = mkdtempSync(join(tmpdir(), "vectors-"));
  const path = join(folder, "file.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  const { status, stdout } = spawnSync(process.execPath, [join(VECTORS, "run.mjs"), path], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  return [status, stdout.trim()];
}

test("a file with nothing wrong passes", () => {
  assert.deepEqual(run({ derive_session_keys: [CASE, CASE] }), [0, "javascript: 8 passed, 0 failed"]);
});

test("one wrong, missing or unknown value fails", () => {
  const { iv_key: _, ...without } = CASE;
  for (const each of [{ ...CASE, mac_key: CASE.iv_key }, without, { ...CASE, extra: "00" }]) {
    const [status, line] = run({ derive_session_keys: [each] });

    assert.equal(status, 1);
    assert.match(line, /^javascript: [34] passed, 1 failed$/);
  }
});

test("a file that cannot be run fails", () => {
  for (const content of [
    "",
    "nope",
    "[]",
    {},
    { derive_session_keys: [] },
    { unknown: [{}] },
    { handshake: {} },
    { handshake: null },
  ]) {
    assert.deepEqual(run(content), [1, "javascript: 0 passed, 1 failed"]);
  }
});
