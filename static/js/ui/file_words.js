/** What the app says about files. */

import { plural } from "./times.js";

export const files = Object.freeze({
  attach: "Attach a file",
  chosen: "Files to send",
  drop: "Drop the files here to send them",
  leaveOut: (name) => `Leave out ${name}`,
  download: (name) => `Download ${name}`,
  show: "Show picture",
  enlarge: (name) => `${name}, enlarge`,
  picture: (name) => `Picture: ${name}`,
  stop: (name) => `Stop fetching ${name}`,
  again: "Try again",
  remove: "Remove",
  sealing: (name) => `Sealing ${name}`,
  sending: (name) => `Sending ${name}`,
  fetching: (name) => `Fetching ${name}`,
  getsReady: "Sealing it on this device…",
  soFar: (done, total) => `${done} of ${total}`,
  waitsForServer: "The server asks for a pause; it goes on by itself",
  most: (size) => `A file can have ${size}.`,
  many: (count) => plural(count, "file"),
});
