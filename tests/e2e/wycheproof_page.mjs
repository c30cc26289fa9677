// Judges the cases that test_wycheproof.py serves by each of the page's engines, and leaves the verdicts on the window.

import { ENGINES, judge } from "../js/wycheproof_engines.js";

const files = await (await fetch("/cases.json")).json();
const verdicts = {};
for (const engine of Object.keys(ENGINES)) {
  verdicts[engine] = {};
  for (const [name, content] of Object.entries(files)) {
    verdicts[engine][name] = await judge(engine, name.split(".")[0], content);
  }
}
globalThis.verdicts = verdicts;
document.title = "judged";
