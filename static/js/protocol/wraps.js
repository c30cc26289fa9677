/**
 * The discovery secret in force, wrapped for everyone who is away: one entry for each device and each open invite.
 *
 *     entry = tag[8] | AES-256-GCM(wrap key, nonce 0, secret[32])    56 bytes
 *
 * Spec: 3.10
 */

import { concat, utf8 } from "../bytes.js";
import { Malformed, Unauthentic, UnknownPeer, UsageError } from "./errors.js";
import { keyId, PREFIXES, wrapKey, wrapTag } from "./key_schedule.js";
import { DiscoverySecret } from "./keys.js";
import { aeadKey, aeadOpen, aeadSeal, constantTimeEqual, NONCE_BYTES, randomBytes } from "./primitives.js";

export const WRAP_BYTES = 56;
// Random entries fill the set up to a multiple of this, so that its size tells little about the number of devices.
export const WRAPS_STEP = 16;
// With as many a file of 64 KiB still has room for its endpoints.
export const MAX_WRAPS = 608;
const TAG_BYTES = 8;
// Each wrap key seals one secret, once.
const NONCE = new Uint8Array(NONCE_BYTES);

/**
 * The entry, 56 bytes, by which the holder of psk comes to the secret; the same for the same two.
 *
 * Spec: 3.10
 * @param {import("./keys.js").PreSharedKey} psk @param {DiscoverySecret} secret @returns {Promise<Uint8Array>}
 */
export async function makeWrap(psk, secret) {
  const kid = keyId(secret);
  const key = await aeadKey(wrapKey(psk, kid));
  return concat(wrapTag(psk, kid), await aeadSeal(key, NONCE, secret.bytes, associated(kid)));
}

/** An entry, 56 random bytes, that opens to nobody and that nobody can tell from the others. Spec: 3.10 */
export function makePadding() {
  return randomBytes(WRAP_BYTES);
}

/**
 * The entries in a row, sorted by tag: what a connection file carries.
 *
 * Raises: usage (what `checkWraps` would refuse).
 * Spec: 3.10
 * @param {Iterable<Uint8Array>} entries @returns {Uint8Array}
 */
export function joinWraps(entries) {
  const wraps = concat(...[...entries].sort(compare));
  try {
    checkWraps(wraps);
  } catch (error) {
    throw new UsageError(error.text);
  }
  return wraps;
}

/**
 * Nothing, when these bytes have the shape of wraps; none at all is a shape, too.
 *
 * Raises: malformed (no multiple of 16 entries, more than 608 of them, tags that do not ascend).
 * Spec: 3.10
 * @param {Uint8Array} wraps
 */
export function checkWraps(wraps) {
  const [step, most] = [WRAPS_STEP * WRAP_BYTES, MAX_WRAPS * WRAP_BYTES];
  if (wraps.length % step !== 0) throw new Malformed(`wraps of ${wraps.length} bytes, expected a multiple of ${step}`);
  if (wraps.length > most) throw new Malformed(`wraps of ${wraps.length} bytes, at most ${most}`);
  const tags = entriesOf(wraps).map((entry) => entry.subarray(0, TAG_BYTES));
  if (tags.some((tag, at) => at > 0 && compare(tag, tags[at - 1]) <= 0)) throw new Malformed("wraps out of order");
}

/**
 * The discovery secret called kid (8 bytes), from the entry of one of these PSKs.
 *
 * It proves nothing about who made the wraps: the connection file's signature does.
 * Raises: malformed; unknown_peer (no entry is for us); unauthentic (one is, and does not open to that secret).
 * Spec: 3.10
 * @param {Uint8Array} wraps @param {Uint8Array} kid @param {Iterable<import("./keys.js").PreSharedKey>} psks
 * @returns {Promise<DiscoverySecret>}
 */
export async function openWrap(wraps, kid, psks) {
  checkWraps(wraps);
  let refused = null;
  for (const psk of psks) {
    const tag = wrapTag(psk, kid);
    const entry = entriesOf(wraps).find((each) => constantTimeEqual(each.subarray(0, TAG_BYTES), tag));
    if (entry === undefined) continue;
    try {
      return await openEntry(entry, kid, psk);
    } catch (error) {
      if (!(error instanceof Unauthentic)) throw error;
      refused = error;
    }
  }
  throw refused ?? new UnknownPeer("no wrap is for this device");
}

async function openEntry(entry, kid, psk) {
  const key = await aeadKey(wrapKey(psk, kid));
  const secret = new DiscoverySecret(await aeadOpen(key, NONCE, entry.subarray(TAG_BYTES), associated(kid)));
  if (!constantTimeEqual(keyId(secret), kid)) throw new Unauthentic("wrap of another secret");
  return secret;
}

function associated(kid) {
  return concat(utf8(PREFIXES["discovery wrap"]), kid);
}

function entriesOf(wraps) {
  const starts = Array.from({ length: wraps.length / WRAP_BYTES }, (_, index) => index * WRAP_BYTES);
  return starts.map((start) => wraps.subarray(start, start + WRAP_BYTES));
}

/** Below zero, zero or above: the order of two byte strings of one length. */
function compare(left, right) {
  const at = left.findIndex((octet, index) => octet !== right[index]);
  return at < 0 ? 0 : left[at] - right[at];
}
