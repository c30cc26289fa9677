// Secrets inside values: there for who asks by name, but neither listed, nor logged, nor put into JSON.

/** Gives the target these properties, not enumerable. @param {object} target @param {object} secrets by name */
export function hide(target, secrets) {
  for (const [name, value] of Object.entries(secrets)) Object.defineProperty(target, name, { value });
}
