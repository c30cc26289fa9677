// Reading a file by its name from a public folder at MEGA.
//
// What MEGA says of names and times is taken as said: who signed the file, and which number it carries, decides later.
// Spec: 3.16

import { FetchFailed } from "../../net/http.js";
import { Malformed } from "../../protocol/errors.js";
import { parseBase64url } from "../../protocol/encoding.js";
import { openBlocks } from "./blocks.js";
import { FILE_KEY_BYTES, FileKey } from "./file_key.js";
import { Gateway } from "./gateway.js";

const [IS_FILE, IS_FOLDER] = [0, 1];

/**
 * The newest file of this name; that it is whole was checked.
 * @param {import("../../protocol/places.js").MegaFolder} folder @param {string} name
 * @param {typeof import("../../net/http.js").fetchBytes} fetchBytes
 * @param {{maxBytes: number, timeoutMs: number}} limits maxBytes of each answer, timeoutMs for all of them together
 * @returns {Promise<Uint8Array>} Raises: FetchFailed; malformed (what was changed on its way, too).
 */
export async function readMegaFile(folder, name, fetchBytes, limits) {
  const gateway = new Gateway(folder, fetchBytes, limits);
  const listing = await gateway.ask({ a: "f", c: 1, ca: 1, r: 1 });
  const { handle, key } = await newestNamed(listing.f, name, folder.key);
  const { g: url, s: size } = await gateway.ask({ a: "g", g: 1, ssl: 2, n: handle });
  if (size > limits.maxBytes) throw new FetchFailed("too_large");
  const sealed = await gateway.download(url);
  if (sealed.length !== size) throw new FetchFailed("unavailable");
  return key.open(sealed).catch(() => {
    // Not "unauthentic": that is said of who signed a file, and nobody has looked at a signature yet.
    throw new Malformed("content that its check does not fit");
  });
}

async function newestNamed(nodes, name, folderKey) {
  for (const node of filesDirectlyIn(nodes)) {
    const key = await keyTo(node, name, folderKey);
    if (key) return { handle: node.h, key };
  }
  throw new FetchFailed("unavailable");
}

/** Newest first. Older versions of a file hang below it, not below the folder. */
function filesDirectlyIn(nodes) {
  if (!Array.isArray(nodes) || nodes.some((node) => typeof node?.h !== "string")) throw new Malformed("no nodes");
  const handles = new Set(nodes.map((node) => node.h));
  const top = nodes.find((node) => node.t === IS_FOLDER && !handles.has(node.p));
  const files = nodes.filter((node) => node.t === IS_FILE && node.p === top?.h);
  return files.sort((left, right) => right.ts - left.ts);
}

/** The key of a file of this name, or null. A node may name several keys; who took the first or the last was wrong. */
async function keyTo({ k: keys, a: attributes }, name, folderKey) {
  if (typeof keys !== "string" || typeof attributes !== "string") return null;
  for (const pair of keys.split("/")) {
    const sealed = bytesOf(pair.slice(pair.indexOf(":") + 1));
    if (sealed?.length !== FILE_KEY_BYTES) continue;
    const key = new FileKey(await openBlocks(folderKey, sealed));
    if ((await key.nameIn(bytesOf(attributes) ?? new Uint8Array())) === name) return key;
  }
  return null;
}

function bytesOf(text) {
  try {
    return parseBase64url(text);
  } catch {
    return null;
  }
}
