/** Finds web addresses in a message, so that they can be opened. Pure. */

const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/gi;
// A full stop or bracket after an address belongs to the sentence around it.
const TRAILING = /[.,;:!?'")\]}]+$/;

/**
 * The text in pieces, in order; joined they give the text again. Only http and https are ever links.
 * @param {string} text
 * @returns {{text: string, href: string|null}[]}
 */
export function piecesOf(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TRAILING, closing(match[0]));
    if (!URL.canParse(address)) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), href: null });
    pieces.push({ text: address, href: address });
    end = match.index + address.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null });
  return pieces;
}

/** Keeps one bracket that the address itself opened, as in an article named "Claw_(chela)". */
function closing(address) {
  const tail = address.match(TRAILING)?.[0] ?? "";
  return tail.startsWith(")") && address.includes("(") ? ")" : "";
}

/** The invitation within a pasted text, a link or the bare form, or null. @param {string} text */
export function invitationIn(text) {
  return text.match(/clawchat:[A-Za-z0-9_-]+/)?.[0] ?? null;
}
