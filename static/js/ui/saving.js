/** Hands a file to the browser's downloads. It is never opened in a page of ours, whatever it is. */

/** The browser takes what it saves from the address as long as that is there. */
const KEPT_MS = 60_000;

/** @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(blob);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), KEPT_MS);
}
