// Prints what each public file of the twins exports, as JSON: {"protocol/file": {name: value}}. Tables and constants come
// with their content, error classes with code and number, functions, other classes and their values as null. For
// test_mirror.py.

import { readdirSync } from "node:fs";

const FOLDERS = ["protocol", "mls"];

/** The content of a constant or table, or null where there is none to compare. */
function content(value) {
  if (typeof value === "function") return typeof value.code === "string" ? `${value.code} ${value.number}` : null;
  if (typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(content);
  if (value.body !== undefined) return `${value.body} ${value.answer}`;
  if (Object.getPrototypeOf(value) !== Object.prototype) return null;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, content(item)]));
}

const files = {};
for (const folder of FOLDERS) {
  const place = new URL(`../../static/js/${folder}/`, import.meta.url);
  for (const file of readdirSync(place).filter((name) => name.endsWith(".js") && !name.startsWith("_"))) {
    const exported = Object.entries(await import(new URL(file, place))).filter(([name]) => !name.startsWith("_"));
    const contents = exported.map(([name, value]) => [name, content(value)]);
    files[`${folder}/${file.replace(".js", "")}`] = Object.fromEntries(contents);
  }
}
console.log(JSON.stringify(files));
