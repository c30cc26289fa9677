// Reproduce every value of a session vector file with the browser's code: node tests/vectors/run.mjs FILE
//
// Prints one line for each difference, then `javascript: N passed, N failed`; exit 1 on any failure.

import { readFile } from "node:fs/promises";

import { compareFile } from "./session_areas.mjs";

async function read(path) {
  const areas = JSON.parse(await readFile(path, "utf8"));
  const isFile = typeof areas === "object" && areas !== null && Object.keys(areas).length > 0 && !Array.isArray(areas);
  if (!isFile) throw new Error("no areas");
  return areas;
}

/** @param {string} path @returns {Promise<{passed: number, failed: string[]}>} */
async function run(path) {
  const failed = [];
  let passed = 0;
  try {
    for (const [name, expected, made] of await compareFile(await read(path))) {
      if (made === expected) passed += 1;
      else failed.push(`${name}: expected ${expected}, got ${made}`);
    }
  } catch (error) {
    failed.push(`cannot be read: ${error.message}`);
  }
  return { passed, failed };
}

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error("Usage: node tests/vectors/run.mjs FILE");
  process.exit(2);
}
const { passed, failed } = await run(path);
failed.forEach((line) => console.error(line));
console.log(`javascript: ${passed} passed, ${failed.length} failed`);
process.exit(failed.length > 0 ? 1 : 0);
