// Runs every case of tests/vectors in the page and puts the result into its title, for test_protocol_in_chromium.py.

import { AREAS } from "../js/vector_areas.js";

const cases = await (await fetch("/cases.json")).json();
const wrong = [];
for (const [name, { expect, input }] of Object.entries(cases)) {
  let code = "ok";
  try {
    await AREAS[name.split("/")[0]](input);
  } catch (error) {
    code = error.code ?? String(error.stack);
  }
  if (code !== expect) wrong.push(`${name}: expected ${expect}, got ${code}`);
}
document.title = JSON.stringify({ count: Object.keys(cases).length, wrong });
