// Why this device cannot connect: from what was met on the way to one sentence with one remedy. Pure.
//
// The twin is clawchat/diagnosis.py.

import { FINDINGS, STEPS } from "./findings.js";

/** Whoever is well at one of these at the end of the way has arrived. */
const GOALS = ["gate", "device"];
const WORST_FIRST = ["wrong", "noted", "unknown", "well"];
const CODES = Object.keys(FINDINGS);

/**
 * @typedef {{code: string, about?: string}} Observation what was met, and what it is about
 * @typedef {{code: string, grade: string, sentence: string}} Line
 * @typedef {{name: string, title: string, grade: string, lines: Line[]}} Step
 * @typedef {{code: string, sentence: string, remedy: string}} Verdict
 */

/**
 * The way in its order, and what is the matter.
 *
 * One that is well is enough at a step: the others there are noted then. The reason is the first step that is wrong,
 * unless something before explains it; whoever arrived has arrived, whatever was met before.
 * @param {Iterable<Observation>} observations
 * @returns {{steps: Step[], verdict: Verdict}} `remedy` is empty when all is well
 */
export function diagnose(observations) {
  const met = [...observations].map(({ code, about = "" }) => lineOf(code, about));
  const steps = Object.entries(STEPS).map(([name, title]) => {
    const lines = met.filter((line) => FINDINGS[line.code][0] === name);
    return { name, title, grade: gradeOf(lines), lines };
  });
  return { steps, verdict: verdictOf(steps) };
}

function lineOf(code, about) {
  const [, grade, sentence] = FINDINGS[code];
  return { code, grade, sentence: sentence.replaceAll("{about}", () => about) };
}

function gradeOf(lines) {
  const grades = new Set(lines.map((line) => line.grade));
  if (grades.has("well") && grades.size > 1) return "noted";
  return WORST_FIRST.find((grade) => grades.has(grade)) ?? "unknown";
}

function verdictOf(steps) {
  const walked = steps.filter((step) => step.lines.length > 0);
  const last = walked.at(-1);
  if (last && GOALS.includes(last.name) && ["well", "noted"].includes(last.grade)) return arrived(walked);
  const wrong = walked.find((step) => step.grade === "wrong");
  if (!wrong) {
    const sentence = "Nothing wrong was found, and still there is no connection.";
    return { code: "unclear", sentence, remedy: "Try again in a minute." };
  }
  const before = walked.slice(0, walked.indexOf(wrong)).flatMap((step) => step.lines);
  return because(before.find(({ code }) => FINDINGS[code][4]?.includes(wrong.name)) ?? reasonOf(wrong));
}

/**
 * All is well; what was met on the way is worth a word when it was not. Whoever has arrived need not do anything about
 * places that were passed over; the clock is theirs.
 */
function arrived(walked) {
  const odd = walked.find((step) => step.grade === "wrong" || step.grade === "noted");
  if (!odd) return { code: "well", sentence: "All is well on the way to the server.", remedy: "" };
  const reason = reasonOf(odd);
  const sentence = `The server can be reached. One thing on the way: ${reason.sentence}`;
  return { code: "well", sentence, remedy: reason.grade === "noted" ? because(reason).remedy : "" };
}

/** What stands first in the table of all that is not well at a step; several silent places are one reason. */
function reasonOf(step) {
  const [wrong, noted] = ["wrong", "noted"].map((grade) => step.lines.filter((line) => line.grade === grade));
  const bad = wrong.length > 0 ? wrong : noted;
  const first = bad.reduce((left, right) => (CODES.indexOf(right.code) < CODES.indexOf(left.code) ? right : left));
  const isAll = step.name === "places" && step.grade === "wrong" && bad.length > 1 && first.code !== "offline";
  return isAll ? lineOf("places_all", String(bad.length)) : first;
}

function because({ code, sentence }) {
  return { code, sentence, remedy: FINDINGS[code][3] ?? "" };
}

/** A length of time as a sentence has it: `45 s`, `12 min`, `3 h`, `2 days`; at least 1 s. @param {number} seconds */
export function lengthOf(seconds) {
  // From two of a unit on it says more than the smaller one.
  for (const [unit, size] of [["days", 86_400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(1, Math.round(seconds))} s`;
}
