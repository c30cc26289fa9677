// A pause that can be cut short.

export class Pause {
  #wake = null;

  /** @param {number} milliseconds @returns {Promise<void>} also resolved by `end` */
  wait(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.end(), milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }

  end() {
    this.#wake?.();
  }
}
