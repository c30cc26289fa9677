// From an invitation to a device with a key of its own: one session under the invitation, and the key is all it brings.
//
// Spec: 3.2, 3.13

import { Race } from "../rotation/race.js";
import { Problem } from "./problem.js";

/** A new invitation opens the server's address once that was published anew: at most so long it is waited for. */
const PUBLISHED_WITHIN_MS = 30_000;
const PAUSE_MS = 1000;

/**
 * Get this device its own key with the server. Repeating it is harmless: an invitation goes on to work for the device
 * that used it until that device has come back under its own key.
 * @param {object} parts
 * @param {import("./account.js").Account} parts.account with its person made
 * @param {import("../discovery/finder.js").Finder} parts.finder
 * @param {(endpoint: object, credentials: object, proven: () => Promise<void>) =>
 *   Promise<{channel: object, handshake: object}>} parts.dial
 * @param {() => void} parts.waiting told when the server's address does not open to the invitation yet
 * Raises: Problem.
 */
export async function enrol({ account, finder, dial, waiting }) {
  if (account.invite.expires * 1000 < Date.now()) throw new Problem("invitation_expired");
  await find(account, finder, waiting);
  const race = new Race((endpoint, proven) => dial(endpoint, account.credentials({ byInvite: true }), proven));
  try {
    const { channel, handshake } = await race.run(finder.endpoints());
    await account.enrolled(handshake.exporter);
    channel.close();
  } catch (cause) {
    throw problemOf(cause);
  }
}

async function find(account, finder, waiting) {
  const deadline = Date.now() + PUBLISHED_WITHIN_MS;
  for (;;) {
    try {
      return await finder.refresh();
    } catch (cause) {
      // No place has a newer one: the file that was picked by hand will do.
      if (finder.info && ["unavailable", "replayed"].includes(cause.code)) return undefined;
      if (cause.code !== "unknown_peer") throw Problem.from(cause);
      // Sealed under another secret than the invitation brought: from before a change that made it worthless.
      if (account.discoverySecrets.size > 0) throw new Problem("invitation_used");
      if (Date.now() > deadline) throw new Problem("invitation_opens_nothing");
    }
    waiting();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** A server that closes without a word during enrolment does not know the invitation any more. */
function problemOf(cause) {
  return cause.code === "refused" ? new Problem("invitation_used") : Problem.from(cause);
}
