/**
 * What can be wrong with an invitation, in words.
 */

import { PASTE } from "./remedies.js";

/** @type {Record<string, import("./problems.js").Problem>} */
export const INVITATION_PROBLEMS = {
  invitation_used: {
    title: "This invitation was used already",
    text:
      "Each invitation lets one person in. If it was you, open ClawChat on the device where you used it; if not, " +
      "ask for a new one.",
    remedy: PASTE,
  },
  invitation_expired: {
    title: "This invitation has run out",
    text: "Invitations work for a limited time. Ask the person who sent it to make a new one; it takes them a moment.",
    remedy: PASTE,
  },
  invitation_awaited: {
    title: "Waiting for the server's address",
    text:
      "No place has it for this invitation yet. With a new invitation that is a matter of seconds; this device keeps " +
      "looking.",
    remedy: null,
  },
  invitation_opens_nothing: {
    title: "This invitation opens nothing",
    text:
      "Most likely it was used already: each lets one person in. If it was made a moment ago, try once more in a " +
      "minute.",
    remedy: PASTE,
  },
  invitation_unreadable: {
    title: "This is not a whole invitation",
    text: "A piece of the link seems to be missing. Copy it once more from the message you got, up to its very end.",
    remedy: PASTE,
  },
};
