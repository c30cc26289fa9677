// What is packed into static/vendor is what the manifest says, and nothing a strict content security policy would stop.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const VENDOR = new URL("../../static/vendor/", import.meta.url);
const MANIFEST = JSON.parse(readFileSync(new URL("manifest.json", VENDOR), "utf8"));
const LOCK = JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8"));

for (const [file, { bytes, sha256, packages }] of Object.entries(MANIFEST)) {
  const content = readFileSync(new URL(file, VENDOR));

  test(`${file} has the digest of the manifest`, () => {
    assert.deepEqual([content.length, createHash("sha256").update(content).digest("hex")], [bytes, sha256]);
  });

  test(`${file} holds the versions of the lock file`, () => {
    for (const [name, version] of Object.entries(packages))
      assert.equal(LOCK.packages[`node_modules/${name}`].version, version);
  });

  test(`${file} stands alone and evaluates no text`, () => {
    const text = content.toString();

    const imports = text.match(/\bfrom\s*["'][^"']+["']|\bimport\s*\(?\s*["'][^"']+["']/g);
    assert.equal(imports, null);
    assert.equal(text.match(/\beval\s*\(|new Function\s*\(/g), null);
  });
}

test("there is one lit-html, so one Trusted Types policy", () => {
  const holders = Object.entries(MANIFEST).filter(([, { packages }]) => "lit-html" in packages);

  assert.deepEqual(
    holders.map(([file]) => file),
    ["lit.js"],
  );
  const text = readFileSync(new URL("lit.js", VENDOR), "utf8");
  assert.equal(text.match(/createPolicy\("lit-html"/g).length, 1);
});

test("the licences of all that is packed are beside it", () => {
  const notices = readFileSync(new URL("LICENSES.txt", VENDOR), "utf8")
    .split("\n----\n\n")
    .map((notice) => notice.split("\n")[0]);
  const packed = new Set(Object.values(MANIFEST).flatMap(({ packages }) => Object.keys(packages)));

  assert.deepEqual(notices, [...packed].sort());
});
