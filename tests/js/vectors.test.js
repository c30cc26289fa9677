// Every case of tests/vectors, run by the browser's code; the same cases run in Python.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { toHex } from "../../static/js/bytes.js";
import { AREAS } from "./vector_areas.js";

const VECTORS = fileURLToPath(new URL("../vectors", import.meta.url));
const areas = readdirSync(VECTORS, { withFileTypes: true }).filter(
  (entry) => entry.isDirectory() && !entry.name.startsWith("__"),
);

/** The value as JSON has it: bytes as hex, maps as objects. */
function plain(value) {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

async function runCase(area, { expect, input, output }) {
  let made;
  try {
    made = plain(await AREAS[area](input));
  } catch (error) {
    assert.equal(error.code, expect, error.stack);
    return;
  }
  assert.equal("ok", expect, "it was accepted");
  assert.deepEqual(made, output);
}

test("every area is known, and every known area is there", () => {
  assert.deepEqual(areas.map((entry) => entry.name).sort(), Object.keys(AREAS).sort());
});

for (const { name: area } of areas) {
  for (const file of readdirSync(join(VECTORS, area)).sort()) {
    const { comment, ...given } = JSON.parse(readFileSync(join(VECTORS, area, file), "utf8"));
    test(`${area}/${file}: ${comment}`, () => runCase(area, given));
  }
}
