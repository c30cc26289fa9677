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

/** A listing that we take has some hundred. */
const MAX_NODES = 1000;
/** Of one node: a file of ours has a name and no more, and few shares have a key of it. */
const ATTRIBUTES_MAX_BYTES = 1024;
const MAX_KEYS = 16;
const [IS_FILE, IS_FOLDER] = [0, 1];
const HANDLE = /^[A-Za-z0-9_-]{8}$/;

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
  throw new FetchFailed("not_there");
}

/** Newest first. Older versions of a file hang below it, not below the folder. */
function filesDirectlyIn(listed) {
  if (!Array.isArray(listed) || listed.length > MAX_NODES) throw new Malformed("no nodes, or too many");
  const nodes = listed.filter((node) => typeof node?.h === "string" && typeof node.p === "string");
  const handles = new Set(nodes.map((node) => node.h));
  const tops = new Set(nodes.filter((node) => node.t === IS_FOLDER && !handles.has(node.p)).map((node) => node.h));
  const files = nodes.filter((node) => tops.has(node.p) && isFile(node));
  return files.sort((left, right) => right.ts - left.ts);
}

function isFile({ t, h, s, ts }) {
  return t === IS_FILE && HANDLE.test(h) && Number.isSafeInteger(s) && Number.isSafeInteger(ts);
}

/**
 * The key of a file of this name, or null. A node may name several keys, each behind the handle of a share: who took
 * the first or the last was wrong. 16 are tried, and of attributes longer than any of ours none.
 */
async function keyTo({ k: keys, a: sealedName }, name, folderKey) {
  const attributes = bytesOf(sealedName);
  if (typeof keys !== "string" || attributes.length > ATTRIBUTES_MAX_BYTES) return null;
  for (const pair of keys.split("/", MAX_KEYS)) {
    const sealed = bytesOf(pair.slice(pair.lastIndexOf(":") + 1));
    if (sealed.length !== FILE_KEY_BYTES) continue;
    const key = new FileKey(await openBlocks(folderKey, sealed));
    if ((await key.nameIn(attributes)) === name) return key;
  }
  return null;
}

/** Nothing for what is no text of this kind. */
function bytesOf(text) {
  try {
    return typeof text === "string" ? parseBase64url(text) : new Uint8Array();
  } catch {
    return new Uint8Array();
  }
}
