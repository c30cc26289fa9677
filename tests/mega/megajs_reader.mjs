// Reads a file from a shared folder with megajs, which knows nothing of us: node megajs_reader.mjs <link> <name>...
// Prints what each file holds, in hex, one a line.

import { API, File } from "megajs";

const [link, ...names] = process.argv.slice(2);
const { origin, pathname, hash } = new URL(link);
const api = new API(false, { gateway: `${origin}/` });
const folder = File.fromURL(`https://mega.nz${pathname}${hash}`, { api });
await folder.loadAttributes();
for (const name of names) {
  const file = folder.children.find((child) => child.name === name);
  file.api = api;
  console.log((await file.downloadBuffer({ forceHttps: false })).toString("hex"));
}
