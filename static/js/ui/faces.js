/** Letters and a hue for people and rooms, the same on every device. Pure. */

export const HUES = 6;

/** Up to two letters: "Mara Lind" is ML, "kitchen" is K. @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  return picked.map((word) => firstLetter(word)).join("") || "?";
}

/** A number below HUES from an id. @param {string} id */
export function hueOf(id) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.codePointAt(0)) % 65_521;
  return sum % HUES;
}

/** A whole grapheme, so a family emoji is not cut in half. */
function firstLetter(word) {
  const [first] = new Intl.Segmenter("en", { granularity: "grapheme" }).segment(word);
  return first.segment.toLocaleUpperCase();
}
