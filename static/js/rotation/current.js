// The session in use, and those who wait for one.

export class Current {
  #channel = null;
  #waiters = [];

  /** The session, or null; also one whose end is not known yet. */
  get held() {
    return this.#channel;
  }

  /** The session while it is open, or null. */
  get open() {
    return this.#channel?.isOpen ? this.#channel : null;
  }

  /** The session in use, as soon as there is one. @returns {Promise<object>} */
  ready() {
    return this.open ? Promise.resolve(this.open) : new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** @param {object} channel takes the place of the one before */
  replace(channel) {
    this.#channel = channel;
    for (const resolve of this.#waiters.splice(0)) resolve(channel);
  }

  drop() {
    this.#channel = null;
  }
}
