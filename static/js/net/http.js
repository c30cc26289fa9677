// The only file that touches fetch: a small file from a mirror, within limits, without credentials.

import { LOOPBACK_HOSTS, parsePlace, WebPlace } from "../protocol/places.js";

/** Who says so answers, and has nothing. */
const GONE = [404, 410];

/** A mirror did not answer with a file we can use. `code`: "unavailable", "not_there" or "too_large". */
export class FetchFailed extends Error {
  constructor(code, options = undefined) {
    super(`no file: ${code}`, options);
    this.name = "FetchFailed";
    this.code = code;
  }
}

/**
 * The bytes at a URL, or what it answers to a text.
 *
 * The time is for the whole of it: a trickle is cut off too. Spec: 3.16
 * @param {string} url https:, or http: on this machine
 * @param {{maxBytes: number, timeoutMs: number, body?: string, redirect?: "follow" | "error"}} request body: is posted,
 *   as plain text, for which a browser asks no leave first; redirect: followed only where `mayLead` allows it
 * @returns {Promise<Uint8Array>} Raises: FetchFailed.
 */
export async function fetchBytes(url, { maxBytes, timeoutMs, body, redirect = "follow" }) {
  const options = { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", mode: "cors", redirect };
  const posting = body === undefined ? {} : { method: "POST", body };
  try {
    const response = await fetch(url, { ...options, ...posting, signal: AbortSignal.timeout(timeoutMs) });
    const isLedAstray = response.redirected && !mayLead(url, response.url);
    if (GONE.includes(response.status)) throw new FetchFailed("not_there");
    if (!response.ok || !response.body || isLedAstray) throw new FetchFailed("unavailable");
    return await readUpTo(response.body.getReader(), maxBytes);
  } catch (cause) {
    throw cause instanceof FetchFailed ? cause : new FetchFailed("unavailable", { cause });
  }
}

/**
 * Whether one place may send its readers on to another: not off TLS, and from elsewhere not to this very machine, where
 * what listens may take whatever is asked on it for its owner's word. A browser follows by itself, so of a chain only
 * the end is seen.
 * @param {string} from @param {string} to URLs
 */
export function mayLead(from, to) {
  if (!(parsePlace(to) instanceof WebPlace)) return false;
  const [here, there] = [new URL(from), new URL(to)];
  const isHere = ({ hostname }) => LOOPBACK_HOSTS.includes(hostname);
  return here.protocol === there.protocol && (!isHere(there) || isHere(here));
}

/**
 * What the service worker keeps of a file of our own origin; the front door is not asked.
 * @param {string} path @param {{maxBytes: number}} limits
 * @returns {Promise<Uint8Array | null>} null when it keeps none
 */
export async function keptBytes(path, { maxBytes }) {
  const options = { cache: "only-if-cached", credentials: "omit", mode: "same-origin" };
  try {
    const response = await fetch(path, options);
    return response.ok && response.body ? await readUpTo(response.body.getReader(), maxBytes) : null;
  } catch {
    return null;
  }
}

async function readUpTo(reader, maxBytes) {
  const chunks = [];
  let length = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    length += part.value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw new FetchFailed("too_large");
    }
    chunks.push(part.value);
  }
  const whole = new Uint8Array(length);
  chunks.reduce((offset, chunk) => (whole.set(chunk, offset), offset + chunk.length), 0);
  return whole;
}
