/**
 * What can be wrong with a room, or hold it up, in words.
 */

import { TRUST } from "./remedies.js";

/** @type {Record<string, import("./problems.js").Problem>} */
export const ROOM_PROBLEMS = {
  not_member: {
    title: "You are not in this room any more",
    text: "What you have read stays on this device, but new messages do not come here.",
    remedy: null,
  },
  room_over: {
    title: "This room has ended",
    text:
      "It was made with an older encryption that ClawChat does not use any more. What you have read stays here; to go " +
      "on, make a new room.",
    remedy: null,
  },
  leaving: {
    title: "You are leaving this room",
    text: "It is over as soon as somebody else is connected who lets you go. Nothing can be written here meanwhile.",
    remedy: null,
  },
  unconfirmed: {
    title: "This device has just found back into the room",
    text:
      "It waits for a sign from somebody it knows here, so that nobody can pass off another room as this one. Until " +
      "then your messages wait, and what comes is marked.",
    remedy: TRUST,
  },
  stale_epoch: {
    title: "The room just changed",
    text: "Somebody else came or went at the same moment, so this was not done. Nothing is lost; do it once more.",
    remedy: null,
  },
  state_lost: {
    title: "This device has lost its keys for the room",
    text:
      "It finds its way back by itself, mostly within a minute. What you have read stays here; what is written until " +
      "then cannot be opened on this device.",
    remedy: null,
  },
  state_rolled_back: {
    title: "This device lost its place in the room",
    text:
      "What it has stored is older than what it already sent, as after a copy was put back. It finds its way back by " +
      "itself, mostly within a minute; until then nothing is sent, so that no key is used twice.",
    remedy: null,
  },
  commit_not_understood: {
    title: "The room changed in a way this device cannot follow",
    text:
      "It finds its way back by itself, mostly within a minute. What you have read stays here; what is written until " +
      "then cannot be opened on this device.",
    remedy: null,
  },
  no_package: {
    title: "They cannot be added just now",
    text:
      "None of their devices has left a key to be added with. They do so by themselves when they next open " +
      "ClawChat.",
    remedy: null,
  },
};
