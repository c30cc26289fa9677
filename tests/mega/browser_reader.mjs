// Reads files from a shared folder with the browser client's own reader: node browser_reader.mjs <link> <name>...
// Prints what each file holds, in hex, one a line.

import { readMegaFile } from "../../static/js/discovery/mega/folder.js";
import { fetchBytes } from "../../static/js/net/http.js";
import { parsePlace } from "../../static/js/protocol/places.js";

const LIMITS = { maxBytes: 65_536, timeoutMs: 30_000 };
const [link, ...names] = process.argv.slice(2);
for (const name of names) {
  const data = await readMegaFile(parsePlace(link), name, fetchBytes, LIMITS);
  console.log(Buffer.from(data).toString("hex"));
}
