// The invitation in the page's address. It is a secret, so it leaves the address bar before anything else happens.
//
// Spec: 3.2

import { Invite } from "../protocol/invite.js";
import { Problem } from "./problem.js";

/**
 * Take the invitation out of the address. Until it is dropped, the page finds it again however it is opened anew.
 * @param {Location} location @param {History | undefined} history
 * @returns {Invite | Problem | null} a Problem when there is one that cannot be read
 */
export function takeInvitation(location, history) {
  const fragment = location.hash.slice(1);
  const text = fragment.startsWith("clawchat:") ? fragment : history?.state?.invitation;
  if (!text) return null;
  history?.replaceState({ invitation: text }, "", location.pathname + location.search);
  try {
    return Invite.parse(text);
  } catch {
    return new Problem("invitation_unreadable");
  }
}

/** The device has it now, or nobody will. @param {History | undefined} history */
export function dropInvitation(history) {
  if (history?.state?.invitation) history.replaceState(null, "");
}
