// From an invitation to a device with a key of its own: one session under the invitation, and the key is all it brings.
//
// Spec: 3.2, 3.13

import { gaveNothing } from "../discovery/doubts.js";
import { Race } from "../rotation/race.js";
import { Problem } from "./problem.js";

/**
 * So long the address is waited for: a new invitation opens it once it was published anew, and a place that has it may
 * be silent for a while when others lie.
 */
const FOUND_WITHIN_MS = 30_000;
const PAUSE_MS = 1000;

/** What no further look would change: nobody is there, or our server has had its say. */
const FINAL = ["unavailable", "refused", "revoked", "limit"];

/**
 * Get this device its own key with the server. Repeating it is harmless: an invitation goes on to work for the device
 * that used it until that device has come back under its own key.
 * @param {object} parts
 * @param {import("./account.js").Account} parts.account with its person made
 * @param {import("../discovery/finder.js").Finder} parts.finder
 * @param {(endpoint: object, credentials: object, proven: () => Promise<void>) =>
 *   Promise<{channel: object, handshake: object}>} parts.dial
 * @param {() => void} parts.waiting told when no place has the server's address for the invitation yet
 * Raises: Problem.
 */
export async function enrol({ account, finder, dial, waiting }) {
  if (account.invite.expires * 1000 < Date.now()) throw new Problem("invitation_expired");
  const deadline = Date.now() + FOUND_WITHIN_MS;
  for (;;) {
    try {
      await find(finder);
      return await dialAny(account, finder, dial);
    } catch (cause) {
      if (!mayBeFound(cause, account, finder) || Date.now() > deadline) throw problemOf(cause, account);
    }
    waiting();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function find(finder) {
  try {
    await finder.refresh();
  } catch (cause) {
    // No place has a newer one: the file that was picked by hand, or read before, will do.
    if (finder.info === null || ["unknown_peer", "revoked"].includes(cause.code)) throw cause;
  }
}

/** A stranger, or a tripwire, is where the file says that our server is. */
class OldAddress extends Error {}

async function dialAny(account, finder, dial) {
  let isProven = false;
  const dialOne = (endpoint, proven) =>
    dial(endpoint, account.credentials({ byInvite: true }), () => {
      isProven = true;
      return proven();
    });
  const race = new Race(dialOne, () => finder.refresh().then(() => finder.endpoints()));
  const { channel, handshake } = await race.run(finder.endpoints()).catch((cause) => {
    // Only our server knows the invitation; whoever else is there says nothing of it.
    const isOld = !isProven && !["unavailable", "unknown_peer", "revoked"].includes(cause.code);
    throw isOld || cause.code === "rediscover" ? new OldAddress("a port that was left", { cause }) : cause;
  });
  await account.pairs.enrolled(handshake).catch(Problem.raise);
  channel.close();
}

/** Whether the address may yet be found: it was not published anew, or only places that lie have said anything. */
function mayBeFound(cause, account, { places }) {
  if (cause instanceof OldAddress) return true;
  if (cause instanceof Problem || FINAL.includes(cause.code)) return false;
  return (cause.code === "unknown_peer" && account.discoverySecrets.size === 0) || places.some(gaveNothing);
}

function problemOf(cause, account) {
  if (cause instanceof OldAddress) return problemOf(cause.cause, account);
  const isBefore = account.discoverySecrets.size > 0;
  // Sealed under another secret than the invitation brought: from before a change that made it worthless.
  if (cause.code === "unknown_peer") return new Problem(isBefore ? "invitation_used" : "invitation_opens_nothing");
  // A server that closes without a word during enrolment does not know the invitation any more.
  if (cause.code === "refused") return new Problem("invitation_used");
  return cause.code === "rediscover" ? new Problem("unavailable", {}, { cause }) : Problem.from(cause);
}
