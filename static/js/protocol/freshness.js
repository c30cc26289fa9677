/**
 * Which connection file to believe when mirrors are late, old ones are replayed, or somebody shows two.
 *
 * Spec: 3.8
 */

import { Expired, Forked, NotYetValid, Replayed, UsageError } from "./errors.js";
import { constantTimeEqual } from "./primitives.js";

/**
 * Nothing, when the file is not older than the last one believed, not another with its serial, and in time.
 *
 * lastSerial is 0 and lastDigest empty when none was believed before; now is local time plus the last authenticated
 * offset.
 * Units: seconds since 1970.
 * Raises: replayed; forked; not_yet_valid; expired (the last two with 300 s for wrong clocks).
 * @param {import("./connection_info.js").ConnectionInfo} info
 * @param {{lastSerial: number, lastDigest: Uint8Array, now: number}} seen
 */
export function checkFreshness(info, { lastSerial, lastDigest, now }) {
  checkSerial(info, lastSerial, lastDigest);
  if (info.isCurrent(now)) return;
  if (now < info.validFrom) throw new NotYetValid(`valid from ${info.validFrom}`);
  throw new Expired(`valid until ${info.validUntil}`);
}

/**
 * The file to use of those the mirrors gave.
 *
 * It is the one with the highest serial among those in time. When none is in time it is the highest of the others: the
 * handshake, not the clock, proves the server; ask `isCurrent` and warn.
 * Raises: forked (two of one serial differ); replayed (all are older than the last one believed); usage (none given).
 * @param {Iterable<import("./connection_info.js").ConnectionInfo>} infos
 * @param {{lastSerial: number, lastDigest: Uint8Array, now: number}} seen
 */
export function chooseFreshest(infos, { lastSerial, lastDigest, now }) {
  const bySerial = new Map();
  let refused = null;
  for (const info of infos) {
    try {
      checkSerial(info, lastSerial, lastDigest);
    } catch (error) {
      if (!(error instanceof Replayed)) throw error;
      refused = error;
      continue;
    }
    const first = bySerial.get(info.serial) ?? info;
    if (!constantTimeEqual(first.digest, info.digest)) throw forked(info);
    bySerial.set(info.serial, first);
  }
  if (bySerial.size === 0) throw refused ?? new UsageError("no connection file to choose from");
  const candidates = [...bySerial.values()].sort((left, right) => right.serial - left.serial);
  return candidates.find((info) => info.isCurrent(now)) ?? candidates[0];
}

function checkSerial(info, lastSerial, lastDigest) {
  if (info.serial < lastSerial)
    throw new Replayed(`serial ${info.serial} after ${lastSerial}`, { serial: info.serial });
  const isOther = lastDigest.length > 0 && !constantTimeEqual(info.digest, lastDigest);
  if (info.serial === lastSerial && isOther) throw forked(info);
}

function forked({ serial }) {
  return new Forked(`two files with serial ${serial}`, { serial });
}
