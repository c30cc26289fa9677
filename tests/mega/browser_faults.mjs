// How the browser's reader fares with a link, as JSON: {code, milliseconds}; code: null when it read the file.
// node browser_faults.mjs LINK NAME TIMEOUT_MS

import { readMegaFile } from "../../static/js/discovery/mega/folder.js";
import { fetchBytes } from "../../static/js/net/http.js";
import { parsePlace } from "../../static/js/protocol/places.js";

const [link, name, timeoutMs] = process.argv.slice(2);
const limits = { maxBytes: 65_536, timeoutMs: Number(timeoutMs) };
const began = performance.now();
const code = await readMegaFile(parsePlace(link), name, fetchBytes, limits).then(
  () => null,
  (cause) => cause.code ?? cause.stack,
);
console.log(JSON.stringify({ code, milliseconds: performance.now() - began }));
process.exit(0);
