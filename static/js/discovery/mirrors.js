// Asking all mirrors at once.
//
// Spec: 3.16

import { CONNECTION_FILE_MAX_BYTES } from "../protocol/limits.js";

const FETCH_TIMEOUT_MS = 5000;

/** Once one mirror's file was believed, the slower ones get this long: an old file there is no reason to wait for it. */
const OTHERS_MS = 1000;

/**
 * What the mirrors have, each with where it came from. Those that dawdle once a file was believed are in neither list.
 * @param {string[]} urls
 * @param {{fetchBytes: (url: string, limits: object) => Promise<Uint8Array>}} sources
 * @param {(answer: {url: string, file: Uint8Array}) => Promise<*>} [judge] is shown each file as it comes and throws
 *   at one that is not to be believed, which then counts as failed; until one was believed no mirror is hurried
 * @returns {Promise<{found: {url: string, file: Uint8Array}[], failed: {url: string, code: string, cause: Error}[]}>}
 */
export async function askMirrors(urls, sources, judge = async () => {}) {
  const limits = { maxBytes: CONNECTION_FILE_MAX_BYTES, timeoutMs: FETCH_TIMEOUT_MS };
  const [found, failed] = [[], []];
  const asked = urls.map(async (url) => {
    try {
      const answer = { url, file: await sources.fetchBytes(url, limits) };
      await judge(answer);
      found.push(answer);
    } catch (cause) {
      failed.push({ url, code: typeof cause.code === "string" ? cause.code : "internal", cause });
      throw cause;
    }
  });
  const all = Promise.allSettled(asked);
  await Promise.any(asked).catch(() => {});
  await soon(all);
  return { found: [...found], failed: [...failed] };
}

async function soon(promise) {
  let timer;
  await Promise.race([promise, new Promise((resolve) => (timer = setTimeout(resolve, OTHERS_MS)))]);
  clearTimeout(timer);
}
