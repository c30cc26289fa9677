// The runner of the working group's vectors: it passes them where they are at hand, and fails on what is not right.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { runFile } from "../../../static/js/mls/vectors/running.js";

const RUNNER = fileURLToPath(new URL("../../../static/js/mls/vectors.mjs", import.meta.url));
const BESIDE = fileURLToPath(new URL("../../../../shared/vectors/mls", import.meta.url));
const FOLDER = process.env.MLS_VECTORS ?? BESIDE;
const OURS = fileURLToPath(new URL("../../mls/vectors", import.meta.url));
const outside = !existsSync(FOLDER) && "outside the repository: MLS_VECTORS names no folder of vectors";

/** A folder with these files: its exit status, and what the runner says. */
function run(files) {
  const folder = mkdtempSync(join(tmpdir(), "mls-vectors-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUNNER, folder], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  return { status, said: stdout.trim().split("\n"), stderr };
}

const RIGHT = JSON.stringify([{ vlbytes_header: "7bbd", length: 15293 }]);

test("every file at hand passes", { skip: outside }, () => {
  const { status, stdout } = spawnSync(process.execPath, [RUNNER, FOLDER], { encoding: "utf8" });

  assert.equal(status, 0, stdout);
  assert.match(stdout, /^[1-9]\d* passed, 0 failed, \d+ skipped\n$/m);
});

test("every file of the room's own suite passes, as Python made it", () => {
  const { status, stdout } = spawnSync(process.execPath, [RUNNER, OURS], { encoding: "utf8" });

  assert.equal(status, 0, stdout);
  assert.match(stdout, /^8 passed, 0 failed, 0 skipped\n$/m);
});

test("a wrong value in any case of any file fails", { skip: outside }, async () => {
  const names = ["crypto-basics", "key-schedule", "message-protection", "psk_secret", "secret-tree"];
  for (const name of [...names, "transcript-hashes", "tree-math", "deserialization"]) {
    const cases = JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8"));
    const wrong = JSON.stringify([cases.at(1)]).replace(/(\d)(\D*)$/, (_, digit, rest) => `${(digit + 1) % 10}${rest}`);
    const outcome = await runFile(`${name}.json`, wrong);

    assert.deepEqual([outcome.passed, outcome.failed], [0, 1], name);
  }
});

test("a right file passes, an unknown one is named and skipped", () => {
  const { status, said } = run({ "deserialization.json": RIGHT, "novel.json": "[]", "notes.txt": "" });

  assert.equal(status, 0);
  assert.deepEqual(said, [
    "deserialization.json: 1 passed, 0 failed, 0 skipped",
    "novel.json: 0 passed, 0 failed, 1 skipped (unknown file)",
    "1 passed, 0 failed, 1 skipped",
  ]);
});

test("suites with X448 are skipped by name", async () => {
  const outcome = await runFile("crypto-basics.json", JSON.stringify([{ cipher_suite: 4 }, { cipher_suite: 6 }]));

  assert.equal(
    outcome.line(),
    "crypto-basics.json: 0 passed, 0 failed, 2 skipped (suite 4: no X448; suite 6: no X448)",
  );
});

test("a wrong value, a list without cases, and a file that is none fail", () => {
  for (const content of [JSON.stringify([{ vlbytes_header: "7bbd", length: 15294 }]), "[]", "{}", "nope", ""]) {
    const { status, said } = run({ "deserialization.json": content });

    assert.equal(status, 1, content);
    assert.equal(said.at(-1), "0 passed, 1 failed, 0 skipped", content);
  }
});

test("a folder without any known file is an error, and so is none", () => {
  assert.equal(run({}).status, 1);
  assert.equal(run({ "novel.json": "[]" }).status, 1);
  const { status, stderr } = spawnSync(process.execPath, [RUNNER, "/no/such/folder"], { encoding: "utf8" });
  assert.deepEqual([status, stderr], [2, "usage: node static/js/mls/vectors.mjs FOLDER\n"]);
});

test("the app loads nothing of this", () => {
  const loaded = new Set();
  const load = (url) => {
    if (loaded.has(url.href)) return;
    loaded.add(url.href);
    const code = readFileSync(url, "utf8").replaceAll(/\/\*\*[^]*?\*\//g, "");
    for (const [, specifier] of code.matchAll(/from "(\.[^"]+)"/g)) {
      if (!specifier.includes("/vendor/")) load(new URL(specifier, url));
    }
  };
  for (const name of ["group", "validity", "profile"]) {
    load(new URL(`../../../static/js/mls/${name}.js`, import.meta.url));
  }

  assert.equal(loaded.size > 20, true);
  assert.deepEqual(
    [...loaded].filter((href) => /mls\/(vector|_elliptic)/.test(href)),
    [],
  );
});
