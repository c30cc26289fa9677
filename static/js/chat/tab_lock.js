// One page at a time writes for a device. The browser's lock says which; the store's writer number makes sure.
//
// Spec: 4.6

export class TabLock {
  #name;
  #locks;
  #release = () => {};

  /** @param {string} name @param {LockManager | undefined} locks absent: the store alone decides */
  constructor(name, locks) {
    this.#name = name;
    this.#locks = locks;
  }

  /** @returns {Promise<boolean>} whether this page holds the device now */
  tryTake() {
    return this.#request({ ifAvailable: true });
  }

  /** Resolves when the page that held it has gone. */
  take() {
    return this.#request({});
  }

  release() {
    this.#release();
  }

  #request(options) {
    if (!this.#locks) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const held = (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise((release) => (this.#release = release));
      };
      this.#locks.request(this.#name, options, held).catch(reject);
    });
  }
}
