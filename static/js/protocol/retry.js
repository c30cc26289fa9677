// When to try again, as a refusal says it.
//
// Spec: 3.13

/**
 * The whole seconds that the text of `too_fast` or `limit` begins with; 0 when it begins with none.
 * At most five digits count as a number.
 * Spec: 3.13
 * @param {string} text @returns {number}
 */
export function retrySeconds(text) {
  const [first] = text.split(" ", 1);
  return /^[0-9]{1,5}$/.test(first) ? Number(first) : 0;
}
