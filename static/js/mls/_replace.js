// Values that differ from others in a field or two: Python's dataclasses have `replace`.

/**
 * A copy of a value of the same class with these fields instead; hidden ones stay hidden.
 * @template {object} T @param {T} value without private members @param {Partial<T>} fields @returns {T}
 */
export function replace(value, fields) {
  const properties = Object.getOwnPropertyDescriptors(value);
  for (const [name, content] of Object.entries(fields)) properties[name] = { ...properties[name], value: content };
  return Object.freeze(Object.create(Object.getPrototypeOf(value), properties));
}
