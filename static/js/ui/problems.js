/**
 * What can go wrong, in words: what happened, what is lost (mostly nothing), and the one thing to do.
 * The codes are those of docs/protocol.md and those that the app gives besides.
 */

import { FILE_PROBLEMS } from "./file_problems.js";
import { INVITATION_PROBLEMS } from "./invitation_problems.js";
import { PASTE, RELOAD, RETRY } from "./remedies.js";
import { ROOM_PROBLEMS } from "./room_problems.js";

/**
 * @typedef {{label: string, action: "retry"|"reload"|"paste"|"drop"|"trust"|"dismiss"}} Remedy
 * @typedef {{title: string, text: string, remedy: Remedy|null}} Problem
 */

/** @type {Record<string, Problem>} */
const PROBLEMS = {
  elsewhere: {
    title: "ClawChat is open in another tab",
    text:
      "One tab at a time holds this device's keys, so that no two write at once. Go on there, or close it: then this " +
      "one takes over by itself.",
    remedy: { label: "Look again", action: "reload" },
  },
  ...INVITATION_PROBLEMS,
  ...ROOM_PROBLEMS,
  ...FILE_PROBLEMS,
  unknown_peer: {
    title: "The server's address does not open here any more",
    text:
      "It was changed for everybody whose access goes on, and this device is not among them. What you have read " +
      "stays here. To come back, ask for a new invitation.",
    remedy: PASTE,
  },
  identity_replaced: {
    title: "The server has another identity now",
    text:
      "It was changed while this device was away, so this device cannot tell any more whether it is your server. " +
      "What you have read stays here. To come back, ask for a new invitation.",
    remedy: PASTE,
  },
  revoked: {
    title: "This device was signed out",
    text:
      "Somebody took its access away, perhaps you from another device. It gets no new messages. To come back, " +
      "ask for a new invitation.",
    remedy: PASTE,
  },
  refused: {
    title: "The server does not know this device",
    text:
      "It may have been set up anew, or this device was taken off its list. What you have read stays here. To come " +
      "back, ask for a new invitation.",
    remedy: PASTE,
  },
  unavailable: {
    title: "The server is not to be reached",
    text: "Nothing is lost: your messages are on this device, and new ones wait here until it is back.",
    remedy: RETRY,
  },
  unauthentic: {
    title: "Something answered that is not your server",
    text: "It could not prove who it is, so nothing was sent to it. Your network may be in the way; try another one.",
    remedy: RETRY,
  },
  not_yet_valid: {
    title: "The clock of this device is behind",
    text:
      "By its time, the server's address is from the future. Set the clock to automatic; nothing is lost " +
      "meanwhile.",
    remedy: RETRY,
  },
  clock_off: {
    title: "The clock of this device is wrong",
    text: "Set it to automatic. Nothing is lost.",
    remedy: null,
  },
  expired: {
    title: "The server's address is out of date",
    text:
      "No newer one was found. If the clock of this device is right, the server has been away for long. Nothing " +
      "here is lost.",
    remedy: RETRY,
  },
  replayed: {
    title: "An old address came back",
    text:
      "Where the server's address is kept, an older one turned up than this device already knows. It was not " +
      "used; nothing is lost.",
    remedy: RETRY,
  },
  forked: {
    title: "Two addresses contradict each other",
    text:
      "The server seems to have published two different ones under one number. None was used. Tell the person " +
      "who runs it.",
    remedy: RETRY,
  },
  unsupported_version: {
    title: "This page and the server do not speak the same language",
    text:
      "One of them is too old for the other. Reloading fetches the newest page; if it stays so, tell the person " +
      "who runs the server. Your messages stay on this device.",
    remedy: RELOAD,
  },
  unsupported_browser: {
    title: "This browser is missing something",
    text: "It cannot make the keys that keep your messages private. A current Firefox, Chrome, Edge or Safari can.",
    remedy: null,
  },
  storage: {
    title: "This browser does not keep data",
    text:
      "Your keys need a place to stay. Leave the private window, or let this site store data, and load the page " +
      "again.",
    remedy: RELOAD,
  },
  too_large: {
    title: "This is too long for one message",
    text: "It was not sent; your text is still in the box. Split it in two.",
    remedy: null,
  },
  too_fast: {
    title: "That was a lot at once",
    text: "The server asks for a short pause. Nothing is lost; go on in a minute.",
    remedy: RETRY,
  },
  limit: {
    title: "The server has no room for more",
    text:
      "A limit that its operator set was reached. Nothing is lost, and it is tried again by itself. If it stays so, " +
      "tell the person who runs it.",
    remedy: RETRY,
  },
  not_loaded: {
    title: "A part of this page did not arrive",
    text: "The network dropped it on the way. Nothing is lost.",
    remedy: RELOAD,
  },
};

const DISMISS = { label: "All right", action: "dismiss" };

/**
 * The words for a code; a code without words of its own is named, since whoever helps will ask for it.
 * @param {string} code
 * @returns {Problem}
 */
export function problemFor(code) {
  if (Object.hasOwn(PROBLEMS, code)) return PROBLEMS[code];
  return {
    title: "ClawChat met a case it does not know",
    text: `It stopped there, and your messages are still on this device. The case is called ${code}.`,
    remedy: RELOAD,
  };
}

/**
 * The same, for a bar that stands beside the work: without a remedy it can at least be put away.
 * @param {string} code
 * @returns {Problem}
 */
export function noticeFor(code) {
  const problem = problemFor(code);
  return { ...problem, remedy: problem.remedy ?? DISMISS };
}
