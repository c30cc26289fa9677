// Byte strings: what Python's `bytes` can do by itself and JavaScript cannot.

/** @param {...Uint8Array} parts @returns {Uint8Array} all of them in a row, in new memory */
export function concat(...parts) {
  return join(parts);
}

/** `concat` for as many parts as somebody else liked to send. @param {readonly Uint8Array[]} parts */
export function join(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** @param {string} text well-formed @returns {Uint8Array} its UTF-8 */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** @param {Uint8Array} data @returns {string} lower-case hex */
export function toHex(data) {
  return Array.from(data, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** @param {string} text hex digits, two for each byte @returns {Uint8Array} */
export function fromHex(text) {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new SyntaxError("not hex");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Equal bytes; for public values only, since it stops at the first difference. */
export function sameBytes(left, right) {
  return left.length === right.length && left.every((octet, index) => octet === right[index]);
}
