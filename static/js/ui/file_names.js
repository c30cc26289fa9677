/** Files in words: a name that fits, a size, a kind. Pure. */

const NAME_LENGTH = 40;
const TAIL_LENGTH = 14;
/** What turns the direction of a line, or is not to be seen at all. */
const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

const UNITS = ["bytes", "KB", "MB", "GB"];
const STEP = 1024;

/** By the first part of a media type. */
const KINDS = { image: "picture", audio: "sound", video: "film", text: "text" };

/**
 * The name for the screen: nothing that turns a line round, and a long one cut in the middle, so its ending is seen.
 * @param {string} name
 */
export function shownName(name) {
  const letters = [...name.replaceAll(UNSEEN, "")];
  if (letters.length <= NAME_LENGTH) return letters.join("");
  const head = letters.slice(0, NAME_LENGTH - TAIL_LENGTH - 1).join("");
  return `${head}…${letters.slice(-TAIL_LENGTH).join("")}`;
}

/** "1 byte", "812 bytes", "34 KB", "1.2 MB" @param {number} bytes */
export function sizeWords(bytes) {
  if (bytes < STEP) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  let [value, unit] = [bytes, 0];
  // What would be rounded up to a thousand of one unit is one of the next.
  while (unit < UNITS.length - 1 && Math.round(value) >= STEP) [value, unit] = [value / STEP, unit + 1];
  return `${value < 9.95 && unit > 1 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** The icon for a media type. @param {string} mime */
export function kindOf(mime) {
  return KINDS[mime.split("/")[0]] ?? "file";
}

/** "PDF": the ending of a name, when it says what it is. @param {string} name */
export function endingOf(name) {
  const ending = name.match(/\.([a-z0-9]{1,5})$/i)?.[1];
  return ending ? ending.toUpperCase() : "";
}
