// node static/js/mls/vectors.mjs FOLDER
//
// Runs every file of the MLS working group's vectors that it knows: a line for each, then the sum. The exit status is 1
// when something failed or there was nothing to run.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { runFile } from "./vectors/running.js";

async function main(folders) {
  if (folders.length !== 1 || !statSync(folders[0], { throwIfNoEntry: false })?.isDirectory()) {
    console.error("usage: node static/js/mls/vectors.mjs FOLDER");
    return 2;
  }
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const names = readdirSync(folders[0]).filter((name) => name.endsWith(".json"));
  for (const name of names.sort()) {
    const outcome = await runFile(name, readFileSync(join(folders[0], name), "utf8"));
    console.log([outcome.line(), ...outcome.troubles.map((trouble) => `  ${trouble}`)].join("\n"));
    for (const count of Object.keys(sum)) sum[count] += outcome[count];
  }
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  return sum.failed > 0 || sum.passed === 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
