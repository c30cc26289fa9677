// Prints what each public file of the protocol's twin exports, as JSON: {file: {name: value}}. Tables and constants
// come with their content, error classes with code and number, functions and other classes as null. For test_mirror.py.

import { readdirSync } from "node:fs";

const FOLDER = new URL("../../static/js/protocol/", import.meta.url);

/** The content of a constant or table, or null where there is none to compare. */
function content(value) {
  if (typeof value === "function") return typeof value.code === "string" ? `${value.code} ${value.number}` : null;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(content);
  if (value.body !== undefined) return String(value.body);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, content(item)]));
}

const files = {};
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".js") && !name.startsWith("_"))) {
  const exported = Object.entries(await import(new URL(file, FOLDER))).filter(([name]) => !name.startsWith("_"));
  files[file.replace(".js", "")] = Object.fromEntries(exported.map(([name, value]) => [name, content(value)]));
}
console.log(JSON.stringify(files));
