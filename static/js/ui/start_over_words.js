/** What is lost and what remains when a device that was shut out starts over with a new invitation. */

export const startOver = Object.freeze({
  title: "Start over with this invitation?",
  same:
    "The server no longer lets this device in. With the new invitation you come in again as somebody new, and the " +
    "others add you to their rooms anew.",
  foreign:
    "This device was made for another server, or for this one before it got new keys, and does not get in any more. " +
    "With the new invitation you come in here as somebody new.",
  erased: {
    title: "Erased here, for good:",
    text: "the rooms and messages kept on this device, and your name.",
  },
  remains: {
    title: "Left as it is:",
    text: "nothing is taken from anybody else. What you wrote stays with them, under your former name.",
  },
  no: "Keep everything",
  yes: "Erase and start over",
  trying: "Trying the invitation…",
});
