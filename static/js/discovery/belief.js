// Which of the files that places gave is to be believed; one that lies keeps nobody from the others.
//
// Spec: 3.8

import { toHex } from "../bytes.js";
import { FetchFailed } from "../net/http.js";
import { Forked } from "../protocol/errors.js";
import { chooseFreshest } from "../protocol/freshness.js";
import { gaveNothing, hostOf } from "./doubts.js";

/** A server hands over for longer: who believed a file since then has not missed all of it. */
const AWAY_SECONDS = 86_400;

/**
 * The newest file that contradicts nothing, and what spoke against others.
 * @template {{url: string | null, info: import("../protocol/connection_info.js").ConnectionInfo}} Candidate
 * @param {Candidate[]} candidates
 * @param {{lastSerial: number, lastDigest: Uint8Array, now: number}} seen the last one believed
 * @returns {{chosen: Candidate | null, refused: {candidate: Candidate, cause: Error}[]}} chosen: null when none is left
 */
export function weigh(candidates, seen) {
  const refused = [];
  const left = candidates.filter((candidate) => {
    const cause = objection(candidate, candidates, seen);
    if (cause) refused.push({ candidate, cause });
    return !cause;
  });
  if (left.length === 0) return { chosen: null, refused };
  const info = chooseFreshest(left.map((candidate) => candidate.info), seen);
  return { chosen: left.find((candidate) => candidate.info === info), refused };
}

function objection({ info }, candidates, seen) {
  try {
    chooseFreshest([info], seen);
  } catch (cause) {
    return cause;
  }
  // The one in hand is known; of two new ones nobody can tell which is true.
  if (info.serial === seen.lastSerial) return null;
  const digests = candidates.filter((each) => each.info.serial === info.serial).map((each) => toHex(each.info.digest));
  return new Set(digests).size > 1 ? new Forked(`two files with serial ${info.serial}`, { serial: info.serial }) : null;
}

/**
 * What became of each place, by its host alone: a whole URL may hold a key.
 * @param {{url: string, info: import("../protocol/connection_info.js").ConnectionInfo}[]} opened
 * @param {{candidate: {url: string}, cause: Error}[]} refused of those @param {{url: string, code: string}[]} failed
 * @param {number} believed the serial of the file that is used now
 * @returns {{host: string, code: string | null}[]} code: why it was of no use, null when its file was good
 */
export function placesOf(opened, refused, failed, believed) {
  const causes = new Map(refused.map(({ candidate, cause }) => [candidate.url, cause]));
  const codeOf = ({ url, info }) => causes.get(url)?.code ?? (info.serial < believed ? "replayed" : null);
  return [
    ...opened.map((each) => ({ host: hostOf(each.url), code: codeOf(each) })),
    ...failed.map(({ url, code }) => ({ host: hostOf(url), code })),
  ];
}

/**
 * What to say when no place had a file to believe. That our server's own file is not for us says more than what a
 * foreign one caused, and that more than that another place was away.
 * @param {{code: string, cause: Error}[]} failed @param {number} age of the file in hand in seconds, or Infinity
 */
export function whyNone(failed, age) {
  const isOurs = ({ code }) => code === "unknown_peer";
  const wrong = failed.find(isOurs) ?? failed.find((place) => !gaveNothing(place));
  if (wrong?.code === "unauthentic" && age > AWAY_SECONDS && age < Infinity) return new IdentityReplaced(wrong.cause);
  return wrong ? wrong.cause : new FetchFailed("unavailable");
}

/** The server handed over to another identity while this device was away: it needs a new invitation. */
class IdentityReplaced extends Error {
  /** @param {Error} cause */
  constructor(cause) {
    super("nobody this device knows signs for the server any more", { cause });
    this.name = "IdentityReplaced";
    this.code = "identity_replaced";
  }
}
