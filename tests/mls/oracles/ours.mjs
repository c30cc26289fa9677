// Members of groups whose library is ours, for whoever writes a line of JSON to them: one request a line
// `{member, op, ...}`, one answer a line; byte strings are hex.

import readline from "node:readline";

import { OursInJavaScript } from "./ours.js";

const members = new Map();

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { member: id, op, ...parts } = JSON.parse(line);
  if (!members.has(id)) members.set(id, new OursInJavaScript());
  try {
    console.log(JSON.stringify(await members.get(id)[op](parts)));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.stack ?? error).slice(0, 800) }));
  }
}
