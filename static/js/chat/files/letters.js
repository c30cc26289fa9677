// The short words that kinds of files and their parts begin with, one byte a letter.

/** @param {string} text of U+0000 to U+00FF @returns {Uint8Array} */
export function letters(text) {
  return Uint8Array.from(text, (letter) => letter.codePointAt(0));
}

/** Whether this stands there. @param {Uint8Array} data @param {number} at @param {string} text as for `letters` */
export function says(data, at, text) {
  return [...text].every((letter, index) => data[at + index] === letter.codePointAt(0));
}
