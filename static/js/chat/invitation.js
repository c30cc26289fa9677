// The invitation in the page's address. It is a secret, so it leaves the address bar before anything else happens.
//
// Spec: 3.2

import { Invite } from "../protocol/invite.js";
import { Problem } from "./problem.js";

/**
 * Take the invitation out of the address.
 * @param {Location} location @param {History | undefined} history
 * @returns {Invite | Problem | null} a Problem when there is one that cannot be read
 */
export function takeInvitation(location, history) {
  const fragment = location.hash.slice(1);
  if (!fragment.startsWith("clawchat:")) return null;
  history?.replaceState(null, "", location.pathname + location.search);
  try {
    return Invite.parse(fragment);
  } catch {
    return new Problem("invitation_unreadable");
  }
}
