/**
 * What can be wrong with an invitation, in words.
 */

import { DROP, PASTE } from "./remedies.js";

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
      "No place has the server's address for this invitation yet. With a new one that is a matter of seconds; this " +
      "device keeps looking.",
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
  // Those that came to a device with an account.
  invitation_incomplete: {
    title: "The link you opened is not a whole invitation",
    text: "Nothing was done with it. If you need it, copy it once more, up to its very end.",
    remedy: DROP,
  },
  invitation_needless: {
    title: "You are already a member here on this device",
    text: "The invitation you opened is not needed.",
    remedy: DROP,
  },
  invitation_foreign: {
    title: "The invitation you opened is for another server",
    text:
      "This device belongs to the server you see here, and nothing was changed. To join the other one as well, open " +
      "the link in another browser.",
    remedy: DROP,
  },
  invitation_waits: {
    title: "The invitation you opened is kept",
    text:
      "The server is not to be reached just now. As soon as it is, it shows whether this device needs the invitation.",
    remedy: null,
  },
};
