// What one room shows: the entries of its log that are for people, in the order of the log.

/**
 * @typedef {object} Entry
 * @property {string} id hex; the message id that travels from the composer to every member's screen
 * @property {number} seq the place in the room's log
 * @property {number} time ms since 1970
 * @property {string} sender user id, hex
 * @property {boolean} own
 * @property {"text" | "unreadable" | "notice"} kind
 * @property {string} text
 * @property {object[]} [attachments] as in a payload; absent in what was stored before there were any
 * @property {{kind: "created" | "joined" | "left" | "rejoined", userIds: string[]} | null} notice
 */

export class Transcript {
  #entries = [];
  #ids = new Set();

  /** @param {Entry[]} entries in the order of the log */
  constructor(entries = []) {
    for (const entry of entries) this.append(entry);
  }

  /** @returns {readonly Entry[]} */
  get entries() {
    return this.#entries;
  }

  get last() {
    return this.#entries.at(-1) ?? null;
  }

  /** @returns {string[]} user ids (hex) of those who were there at its end, as far as it tells */
  get userIds() {
    const present = new Set();
    for (const { sender, notice } of this.#entries) {
      if (sender) present.add(sender);
      for (const userId of notice?.userIds ?? []) {
        if (notice.kind === "left") present.delete(userId);
        else present.add(userId);
      }
    }
    return [...present];
  }

  has(id) {
    return this.#ids.has(id);
  }

  /** An entry whose id is there already is shown once. @param {Entry} entry */
  append(entry) {
    if (this.#ids.has(entry.id)) return;
    this.#ids.add(entry.id);
    this.#entries.push(entry);
  }

  /** Messages of others after this place. @param {number} seq */
  unreadSince(seq) {
    const first = this.#entries.findLastIndex((entry) => entry.seq <= seq) + 1;
    return this.#entries.slice(first).filter((entry) => entry.kind === "text" && !entry.own).length;
  }
}
