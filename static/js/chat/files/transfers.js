// How far each file has come, for the screens.

/**
 * @typedef {object} Transfer
 * @property {"sealing" | "sending" | "fetching" | "ready" | "failed"} state "ready": it is here and can be shown
 * @property {number} done bytes @property {number} total bytes
 * @property {string | null} code of what went wrong, or of what it waits for
 */

/** Tells with "change" and detail `{id}` when one has come further. */
export class Transfers extends EventTarget {
  #transfers = new Map();

  /** @param {string} id of a file, as messages have it @returns {Transfer | null} null: nothing is done with it */
  of(id) {
    return this.#transfers.get(id) ?? null;
  }

  /** @param {string} id @param {Partial<Transfer>} news */
  tell(id, news) {
    const before = this.#transfers.get(id) ?? { state: "sealing", done: 0, total: 0, code: null };
    this.#transfers.set(id, { ...before, ...news });
    this.#say(id);
  }

  forget(id) {
    if (this.#transfers.delete(id)) this.#say(id);
  }

  #say(id) {
    this.dispatchEvent(new CustomEvent("change", { detail: { id } }));
  }
}
