// From an invitation to a device with a key of its own: one session under the invitation, and the key is all it brings.
//
// Spec: 3.2, 3.13

import { deviceCredentials } from "../protocol/key_schedule.js";
import { DevicePublic } from "../protocol/keys.js";
import { Race } from "../rotation/race.js";
import { Problem } from "./problem.js";

/**
 * Get this device its own key with the server. Repeating it is harmless: an invitation goes on to work for the device
 * that used it until that device has come back under its own key.
 * @param {object} parts
 * @param {import("./account.js").Account} parts.account with its person made
 * @param {import("../discovery/finder.js").Finder} parts.finder
 * @param {(endpoint: object, credentials: object, proven: () => Promise<void>) =>
 *   Promise<{channel: object, handshake: object}>} parts.dial
 * @param {Uint8Array} parts.devicePublic
 * Raises: Problem.
 */
export async function enrol({ account, finder, dial, devicePublic }) {
  if (account.invite.expires * 1000 < Date.now()) throw new Problem("invitation_expired");
  await refresh(finder);
  const race = new Race((endpoint, proven) => dial(endpoint, account.credentials({ byInvite: true }), proven));
  try {
    const { channel, handshake } = await race.run(finder.endpoints());
    const [id, psk] = deviceCredentials(handshake.exporter, new DevicePublic(devicePublic));
    await account.update({ psk: { id, key: psk.bytes } });
    channel.close();
  } catch (cause) {
    throw problemOf(cause);
  }
}

async function refresh(finder) {
  try {
    await finder.refresh();
  } catch (cause) {
    // Sealed under another secret than the invitation's: it is from before a change that made it worthless.
    throw cause.code === "unknown_peer" ? new Problem("invitation_used") : Problem.from(cause);
  }
}

/** A server that closes without a word during enrolment does not know the invitation any more. */
function problemOf(cause) {
  return cause.code === "refused" ? new Problem("invitation_used") : Problem.from(cause);
}
