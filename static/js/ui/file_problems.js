/**
 * What can be wrong with a file, in words.
 */

/** @type {Record<string, import("./problems.js").Problem>} */
export const FILE_PROBLEMS = {
  too_many_files: {
    title: "Ten files go into one message",
    text: "The others were not added. Send these first, and the others in the next message.",
    remedy: null,
  },
  file_too_large: {
    title: "That file is too large to send",
    text: "The server does not take so much at once. Send a smaller file, or this one in parts.",
    remedy: null,
  },
  files_waiting: {
    title: "Many files wait already",
    text: "This device keeps files until the server has them. Nothing is lost; send this one when some are out.",
    remedy: null,
  },
  file_unreadable: {
    title: "The file could not be read",
    text: "It was moved or changed since it was picked, or it is a folder. Nothing was sent; pick the file again.",
    remedy: null,
  },
  files_lost: {
    title: "This was not sent",
    text: "The page was closed while its files were being sealed. Choose the files again and send it once more.",
    remedy: null,
  },
  file_gone: {
    title: "The server does not have this file any more",
    text: "Ask the person who sent it to send it once more.",
    remedy: null,
  },
  file_spoilt: {
    title: "What came is not the file that was sent",
    text: "It was damaged or changed on the way, so it was not kept. Try again; if it stays so, ask for it once more.",
    remedy: null,
  },
  no_space: {
    title: "This device has no room for the file",
    text: "A file is kept here, sealed, until the server has it. Nothing was sent; make some room and try again.",
    remedy: null,
  },
};
