/** Runs files of vectors and counts what came of them. */

import { SKIPPED, SUITES } from "../vector_suites.js";
import * as floors from "./floors.js";
import * as groups from "./groups.js";
import * as messages from "./messages.js";
import * as trees from "./trees.js";

/** Files by name. A check takes the case and its suite, and throws when something is not as the case says. */
export const CHECKS = Object.freeze({ ...floors.CHECKS, ...trees.CHECKS, ...groups.CHECKS });
/** Files whose cases name no suite. */
export const PLAIN_CHECKS = Object.freeze({ ...floors.PLAIN_CHECKS, ...messages.PLAIN_CHECKS });

/** What came of one file; `troubles` says which case failed how, `skips` what was skipped why. */
export class Outcome {
  passed = 0;
  failed = 0;
  skipped = 0;
  troubles = [];
  skips = [];

  /** @param {string} name of the file */
  constructor(name) {
    this.name = name;
  }

  /** One line for people. */
  line() {
    const why = this.skips.length > 0 ? ` (${this.skips.join("; ")})` : "";
    return `${this.name}: ${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped${why}`;
  }
}

/**
 * One file; the name tells its format, and one that is not known is skipped as a whole.
 * @param {string} name @param {string} text JSON @returns {Promise<Outcome>}
 */
export async function runFile(name, text) {
  const outcome = new Outcome(name);
  const stem = name.replace(/\.json$/, "");
  if (!Object.hasOwn(CHECKS, stem) && !Object.hasOwn(PLAIN_CHECKS, stem)) {
    outcome.skipped = 1;
    outcome.skips.push("unknown file");
    return outcome;
  }
  const cases = parse(text);
  if (!Array.isArray(cases) || cases.length === 0) {
    outcome.failed = 1;
    outcome.troubles.push(`${name}: not a list of cases`);
    return outcome;
  }
  for (const [number, each] of cases.entries()) await runCase(outcome, stem, number, each);
  return outcome;
}

async function runCase(outcome, stem, number, each) {
  try {
    if (Object.hasOwn(PLAIN_CHECKS, stem)) {
      await PLAIN_CHECKS[stem](each);
    } else {
      const suiteNumber = each.cipher_suite;
      if (Object.hasOwn(SKIPPED, suiteNumber)) {
        outcome.skipped += 1;
        if (!outcome.skips.includes(SKIPPED[suiteNumber])) outcome.skips.push(SKIPPED[suiteNumber]);
        return;
      }
      await CHECKS[stem](each, SUITES[suiteNumber]);
    }
    outcome.passed += 1;
  } catch (error) {
    outcome.failed += 1;
    const suiteName = each?.cipher_suite === undefined ? "" : ` (suite ${each.cipher_suite})`;
    outcome.troubles.push(`${outcome.name} case ${number}${suiteName}: ${error.name}: ${error.message}`);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
