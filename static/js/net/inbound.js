// Frames that came: opened in their order, and handled one after the other.

export class Inbound {
  #session;
  #handle;
  #fail;
  #isOpen;
  #last = Promise.resolve();

  /**
   * @param {object} parts
   * @param {import("../protocol/session.js").Session} parts.session
   * @param {(frame: object) => Promise<void> | void} parts.handle the next frame waits for what it gives
   * @param {(cause: Error) => void} parts.fail
   * @param {() => boolean} parts.isOpen when it is not, nothing more is looked at
   */
  constructor({ session, handle, fail, isOpen }) {
    this.#session = session;
    this.#handle = handle;
    this.#fail = fail;
    this.#isOpen = isOpen;
  }

  /** @param {Uint8Array} data one binary message */
  take(data) {
    const opening = this.#session.open(data);
    opening.catch(() => {});
    this.then(() => this.#next(opening));
  }

  /** Do something once all that came before is handled. @param {() => Promise<void> | void} work */
  then(work) {
    this.#last = this.#last.then(work);
  }

  async #next(opening) {
    if (!this.#isOpen()) return;
    try {
      await this.#handle(await opening);
    } catch (cause) {
      this.#fail(cause);
    }
  }
}
