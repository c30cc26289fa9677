/** Every sentence of the app but the problems, which stand in problems.js. */

import { files } from "./file_words.js";
import { signals } from "./signal_words.js";
import { startOver } from "./start_over_words.js";
import { plural } from "./times.js";

/** "Mara", "Mara and Jonas", "Mara, Jonas and Ines" @param {readonly string[]} names */
export function listWords(names) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** What a place gave that is not to be believed. @param {{host: string, code: string}} doubt */
export function doubtWords({ host, code }) {
  const { replayed, forked, foreign, sealed, noise } = words.status.doubts;
  const known = { replayed, forked, unauthentic: foreign, unknown_peer: sealed };
  return (known[code] ?? noise)(host);
}

const product = "ClawChat";

export const words = Object.freeze({
  product,
  close: "Close", cancel: "Cancel",
  you: "You", somebody: "Somebody",

  starting: "Opening your conversations…",

  update: { ready: "A newer version is ready.", use: "Use it now" },

  invited: {
    by: (name) => `${name} invites you`,
    to: (server) => (server && server !== product ? `You are invited to ${server}` : "You are invited"),
    about: "A private place to talk. What you write is sealed on this device and opened only by those in the room.",
    nameLabel: "Your name",
    nameHint: "What the others call you. You can change it later.",
    expires: (when) => `This invitation works once, until ${when}.`,
    join: "Join",
  },
  uninvited: {
    title: "Open the link you were given",
    about: "People come in here by invitation. If you got a link, open it on this device and you are nearly there.",
    pasteLabel: "Or paste your invitation",
    pasteHint: "It is the whole link, or the part that begins with clawchat:",
    use: "Use invitation",
    unreadable: "This is not an invitation. Copy the whole link once more and paste it here.",
    ask: "No invitation yet? Ask somebody who is already here to make one for you.",
  },
  startOver,
  files,
  signals,
  enrolling: {
    title: "Getting this device ready",
    about: "It is making its own keys and introducing itself to the server. They never leave this device.",
    slow: "Still at it. A slow network can make this take a minute.",
  },

  rooms: {
    label: "Rooms",
    create: "New room",
    empty: "No rooms yet. A room is where you talk with one person or with many.",
    emptyAction: "Make the first room",
    nothingYet: "Nobody has written yet",
    joining: "Joining…",
    unread: (count) => plural(count, "unread message"),
    welcome: (name) => `Welcome, ${name}`,
    waitForRoom: "When somebody adds you to a room, it appears here by itself.",
    invite: "Invite somebody",
    back: "Back to the rooms",
  },
  newRoom: {
    title: "A new room",
    nameLabel: "Room name",
    nameHint: "Only its members can read this name.",
    placeholder: "Kitchen table",
    create: "Create room",
    creating: "Creating…",
  },
  conversation: {
    addPeople: "Add people",
    members: "Members",
    showMembers: "Show who is here",
    justYou: "Just you",
    emptyTitle: "Nobody has written yet",
    emptyAlone: "You are the only one here. Bring somebody in and say hello.",
    emptyTogether: (names) => `Say hello to ${names}. Only the members of this room can read it.`,
    bringIn: "Bring somebody in",
    joining: "This device is joining the room. Its messages appear here in a moment.",
    self: "(you)",
    devices: (count) => (count > 0 ? plural(count, "device") : "No device any more"),
    remove: (name) => `Remove ${name}`,
    leave: "Leave this room",
    leaveSure: "You will not see what is written here from now on. What you have read stays on this device.",
    leaveYes: "Leave",
    leaveNo: "Stay",
  },
  messages: {
    label: "Messages",
    waiting: "Waiting to go out",
    sent: "Arrived at the server",
    unreadable: "This message could not be read on this device",
    doubtful: "Not confirmed yet",
    fresh: (count) => (count > 0 ? plural(count, "new message") : "To the newest"),
    unreadFromHere: "New",
  },
  notices: {
    created: (names) => `${names} created this room`,
    joined: (names) => `${names} joined`,
    left: (names) => `${names} left`,
    rejoined: () => "This device found its way back. What was written meanwhile cannot be opened here",
  },
  composer: {
    label: "Message",
    placeholder: "Write a message",
    send: "Send",
    waitingHint: "Not connected just now. What you write is kept here and goes out by itself.",
  },
  addPeople: {
    title: (room) => `Add people to ${room}`,
    known: "People on this server",
    nobodyLeft: "Everybody on this server is already here.",
    nobodyKnown: "Nobody else has come to this server yet.",
    add: (count) => (count > 1 ? `Add ${count} to the room` : "Add to the room"),
    adding: "Adding…",
    history: "They read what is written from now on, not what was written before.",
    somebodyNew: "Somebody new",
  },
  invite: {
    title: "Invite somebody",
    about: "Make a link and send it to one person. When they have come in, add them to a room.",
    labelLabel: "Who is it for?",
    labelHint: "A note for yourself. It is not part of the link.",
    make: "Make an invitation link",
    making: "Making the link…",
    linkLabel: "Invitation link",
    copy: "Copy link",
    copied: "Copied",
    once: (when) => `Shown only once. It lets one person in and works until ${when}.`,
    another: "Make another",
  },
  status: {
    names: { connected: "Connected", moving: "Moving", connecting: "Reconnecting", offline: "Offline" },
    firstTime: "Connecting",
    title: "Connection",
    port: "port",
    nowhere: "no port",
    at: (server, port) => `You are at ${server} on port ${port}.`,
    nextMove: (span, hour) => `It moves to another port in ${span}, at ${hour}.`,
    moveDue: "It is about to move to another port.",
    moving: "The place is moving to another port. You stay connected the whole time.",
    connecting: "Looking for the place again. What you write waits here and goes out by itself.",
    offline: "There is no way to the place right now. Your messages are on this device, and new ones wait their turn.",
    mirror: (mirror) => `Found through ${mirror}`,
    byHand: "Found through a file that you picked",
    byServer: "The newest address came from the server itself",
    doubts: {
      replayed: (host) => `${host} has an older address than this device. It was not used.`,
      forked: (host) => `${host} contradicts what this device knows. It was not used.`,
      foreign: (host) => `${host} has what your server did not sign. It was not used.`,
      sealed: (host) => `${host} has an address from before or after a change of keys. This device cannot open it.`,
      noise: (host) => `${host} has something that is no address. It was not used.`,
    },
    since: (when) => `Connected since ${when}; nothing was missed`,
    fingerprint: "Fingerprint of the server",
    retry: "Try again now",
  },
  diagnosis: {
    title: "Why can't I connect?",
    check: "Check the connection",
    looking: "Going the way to the server, step by step…",
    steps: "The way to the server",
    grades: { well: "in order", noted: "worth a look", wrong: "in the way", unknown: "not known" },
    notReached: "Not reached.",
    again: "Look again",
    copy: "Copy the report",
    copied: "Copied",
  },
  addressFile: {
    pick: "Use a connection file",
    about: "Somebody who is connected can hand you the newest one: it is called connection.json.",
    taken: "Thank you. Trying what it says.",
    malformed: "This is no connection file. Nothing was changed.",
    foreign: "This file is not from your server, or from before a change of its keys. It was not used.",
    replayed: "This file is older than what this device knows already. It was not used.",
    forked: "This file contradicts what this device knows. It was not used; tell the person who runs the server.",
    storage: "This device could not keep the file. Nothing was changed.",
  },
  profile: {
    title: "You",
    open: (name) => `${name}: your name and settings`,
    nameLabel: "Your name",
    save: "Save",
    saved: "Saved",
    theme: "Appearance",
    themes: { light: "Light", dark: "Dark", system: "Automatic" },
    enter: "The Enter key",
    enters: { auto: "Automatic", send: "Sends", newline: "New line" },
  },
});
