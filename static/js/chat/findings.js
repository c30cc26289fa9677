// What may be found on the way to the server: one sentence for each, and one remedy. A row is
// [step, grade, sentence, remedy, the steps whose faults it explains]; `{about}` is a host, a port, or a length of time.
//
// The twin is clawchat/findings.py, row by row.

/** Name of a step and its title, in the order of the way. */
export const STEPS = Object.freeze({
  clock: "The clock",
  context: "The page",
  places: "Where the address is kept",
  signature: "Who signed the address",
  freshness: "How new the address is",
  port: "The port",
  tls: "The line",
  gate: "The server",
  device: "This device",
});

const NETWORK = "Try another network, such as your telephone's; if that does not help, tell whoever runs the server.";
const LATER = "Try again in a minute; if it stays so, tell whoever runs the server.";
const TELL = "Tell whoever runs the server.";
const INVITATION = "Ask for a new invitation.";
const CLOCK = "Set the clock of this device to automatic.";
const TRUST = "Ask whoever runs the server for its certificate, and compare the fingerprint.";

/**
 * Code -> row. Where several of one step are wrong, the one that stands first here is the reason given.
 * @type {Record<string, [string, "well"|"noted"|"wrong"|"unknown", string, string?, string[]?]>}
 */
export const FINDINGS = Object.freeze({
  clock_well: ["clock", "well", "The clock agrees with the server's."],
  clock_off: [
    "clock", "noted", "The clock of this device is {about} away from the server's.",
    CLOCK, ["freshness", "tls"],
  ],
  clock_doubted: ["clock", "noted", "{about}", CLOCK, ["freshness", "tls"]],
  clock_unknown: ["clock", "unknown", "Nothing has told yet whether the clock is right."],
  context_well: ["context", "well", "The browser takes this page for a secure one."],
  context_insecure: [
    "context", "wrong", "The page did not come over a secure connection, so a browser keeps no keys for it.",
    "Open it by the address that begins with https://.",
  ],
  offline: ["places", "wrong", "This device has no network.", "Connect it to a network."],
  place_none: ["places", "wrong", "No place is known where the address is kept.", INVITATION],
  places_all: ["places", "wrong", "None of the {about} places where the address is kept has it for us.", NETWORK],
  place_well: ["places", "well", "{about} gave an address."],
  place_kept: ["places", "noted", "The address that was kept from before is used."],
  place_unresolved: ["places", "wrong", "The name {about} leads nowhere.", NETWORK],
  place_refused: ["places", "wrong", "{about} turns connections away.", LATER],
  place_tls: ["places", "wrong", "The certificate of {about} is not believed here.", TRUST],
  place_silent: ["places", "wrong", "{about} does not answer in time.", NETWORK],
  place_missing: ["places", "wrong", "{about} answers, and has no address.", LATER],
  place_ill: ["places", "wrong", "{about} answers with an error.", LATER],
  place_moved: ["places", "wrong", "{about} sends readers somewhere else.", TELL],
  place_large: ["places", "wrong", "{about} gives far more than an address.", TELL],
  place_noise: ["places", "wrong", "What {about} gives is no address of any server.", NETWORK],
  place_unreadable: ["places", "wrong", "{about} could not be read.", NETWORK],
  signature_well: ["signature", "well", "Your server signed it."],
  signature_foreign: ["signature", "wrong", "What {about} has was not signed by your server, and is not used.", TELL],
  signature_sealed: [
    "signature", "wrong", "What {about} has is sealed under a key that this device does not have.",
    `This device may have been shut out. ${INVITATION}`,
  ],
  fresh_well: ["freshness", "well", "It is in time, and no newer one is known."],
  fresh_forked: ["freshness", "wrong", "{about} has another address under the same number; it is not used.", TELL],
  fresh_older: ["freshness", "wrong", "{about} has an older address than is known already; it is not used.", LATER],
  fresh_future: ["freshness", "wrong", "By the clock here, the address is from the future.", CLOCK],
  fresh_expired: [
    "freshness", "wrong", "The address ran out {about} ago, and there is no newer one.",
    `${CLOCK} If it is right, wait for the server to come back.`,
  ],
  port_well: ["port", "well", "Port {about} answers."],
  port_none: ["port", "wrong", "The address names no port.", LATER],
  port_unsafe: ["port", "wrong", "Port {about} offers no TLS and is not on this machine, so it is not dialled.", TELL],
  port_unresolved: ["port", "wrong", "The name of the server leads nowhere: {about}.", NETWORK],
  port_refused: ["port", "wrong", "Port {about} turns connections away.", LATER],
  port_silent: ["port", "wrong", "Port {about} does not answer: something on the way lets nothing through.", NETWORK],
  port_left: ["port", "wrong", "The server has left port {about}.", LATER],
  port_strange: ["port", "wrong", "What answers at port {about} is no chat port.", NETWORK],
  tls_well: ["tls", "well", "The line is encrypted, and its certificate is believed."],
  tls_local: ["tls", "well", "The server is on this very machine, so the line needs no certificate."],
  tls_untrusted: ["tls", "wrong", "The certificate of {about} is not believed here.", TRUST],
  tls_ended: ["tls", "wrong", "The certificate of {about} has run out, or is not valid yet.", TELL],
  tls_unknown: ["tls", "unknown", "A browser does not tell whether the certificate was the reason."],
  gate_well: ["gate", "well", "Your server answered and proved itself."],
  gate_foreign: ["gate", "wrong", "Something answered that is not your server. Nothing was sent to it.", NETWORK],
  gate_closed: [
    "gate", "wrong", "The server hung up at the first word: to it, this device is a stranger.",
    "Try again in a minute; if it stays so, ask for a new invitation.",
  ],
  gate_silent: ["gate", "wrong", "The server took the connection and then said nothing.", LATER],
  gate_version: [
    "gate", "wrong", "This page and the server no longer speak the same language.",
    'Reload the page, and choose "Use it now" when a newer version is offered.',
  ],
  device_well: ["device", "well", "This device is let in."],
  device_none: ["device", "wrong", "No invitation was used on this device yet.", INVITATION],
  device_revoked: ["device", "wrong", "This device was signed out.", INVITATION],
  device_refused: ["device", "wrong", "The server does not know this device.", INVITATION],
  device_full: ["device", "wrong", "The server has no room for more devices now.", LATER],
  device_later: ["device", "wrong", "The server cannot let anybody in just now.", LATER],
});
