// Asking all mirrors at once.

import { FetchFailed } from "../net/http.js";
import { CONNECTION_FILE_MAX_BYTES } from "../protocol/limits.js";

const FETCH_TIMEOUT_MS = 5000;

/** Once one mirror has answered, the slower ones get this long: an old file there is no reason to wait for it. */
const OTHERS_MS = 1000;

/**
 * What the mirrors have, each with where it came from; those that fail or dawdle are left out.
 * @param {string[]} urls
 * @param {(url: string, limits: object) => Promise<Uint8Array>} fetchBytes
 * @returns {Promise<{url: string, file: Uint8Array}[]>} Raises: FetchFailed when there is none at all.
 */
export async function askMirrors(urls, fetchBytes) {
  const limits = { maxBytes: CONNECTION_FILE_MAX_BYTES, timeoutMs: FETCH_TIMEOUT_MS };
  const found = [];
  const asked = urls.map(async (url) => found.push({ url, file: await fetchBytes(url, limits) }));
  const all = Promise.allSettled(asked);
  const first = Promise.any(asked).catch(() => {
    throw new FetchFailed("unavailable");
  });
  await first;
  await soon(all);
  return found;
}

async function soon(promise) {
  let timer;
  await Promise.race([promise, new Promise((resolve) => (timer = setTimeout(resolve, OTHERS_MS)))]);
  clearTimeout(timer);
}
