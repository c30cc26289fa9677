// Asking all places at once, whatever kind they are of.
//
// Spec: 3.16

import { FetchFailed } from "../net/http.js";
import { CONNECTION_FILE_MAX_BYTES } from "../protocol/limits.js";
import { FILE_NAME, MAX_PLACES, MegaFolder, parsePlace } from "../protocol/places.js";
import { readMegaFile } from "./mega/folder.js";

/** What one place may give, and how long all of it may take. */
const LIMITS = { maxBytes: CONNECTION_FILE_MAX_BYTES, timeoutMs: 5000 };

/** Once one place's file was believed, the slower ones get this long: an old file there is no reason to wait for it. */
const OTHERS_MS = 1000;

/**
 * @typedef {{fetchBytes: typeof import("../net/http.js").fetchBytes}} Sources
 * @typedef {{url: string, file: Uint8Array}} Answer
 * @typedef {{url: string, code: string, cause: Error}} Failure
 */

/**
 * The connection files that places have, each with where it came from.
 *
 * At most 16 places are asked, and URLs of no kind that we know are passed over. Places that dawdle once a file was
 * believed are in neither list.
 * @param {string[]} urls
 * @param {Sources} sources
 * @param {(answer: Answer) => Promise<*>} [judge] is shown each file as it comes and throws at one that is not to be
 *   believed, which then counts as failed; until one was believed no place is hurried
 * @returns {Promise<{found: Answer[], failed: Failure[]}>}
 */
export function askMirrors(urls, sources, judge = async () => {}) {
  return ask(urls, FILE_NAME, sources, judge);
}

/**
 * The same for what lies beside the connection files.
 * @param {string[]} urls of the connection files
 * @param {string} name `revocations.json`
 * @param {Sources} sources
 * @param {(answer: Answer) => Promise<*>} [judge]
 * @returns {Promise<{found: Answer[], failed: Failure[]}>} url: the connection file's
 */
export function askBeside(urls, name, sources, judge = async () => {}) {
  return ask(urls, name, sources, judge);
}

async function ask(urls, name, { fetchBytes }, judge) {
  const places = urls.map((url) => [url, parsePlace(url)]).filter(([, place]) => place !== null);
  const [found, failed] = [[], []];
  const asked = places.slice(0, MAX_PLACES).map(async ([url, place]) => {
    try {
      const answer = { url, file: await within(LIMITS.timeoutMs, read(place, url, name, fetchBytes)) };
      await judge(answer);
      found.push(answer);
    } catch (cause) {
      failed.push({ url, code: typeof cause.code === "string" ? cause.code : "internal", cause });
      throw cause;
    }
  });
  const all = Promise.allSettled(asked);
  await Promise.any(asked).catch(() => {});
  await within(OTHERS_MS, all).catch(() => {});
  return { found: [...found], failed: [...failed] };
}

function read(place, url, name, fetchBytes) {
  if (place instanceof MegaFolder) return readMegaFile(place, name, fetchBytes, LIMITS);
  return fetchBytes(name === FILE_NAME ? url : place.beside(name), LIMITS);
}

/** The same promise, given up after a while. Raises: FetchFailed. */
function within(milliseconds, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new FetchFailed("unavailable")), milliseconds);
    promise.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
