/** Overwrite secrets that have done their work. @param {...Uint8Array} secrets */
export function wipe(...secrets) {
  for (const secret of secrets) secret.fill(0);
}

/**
 * A class with named secrets that neither a log nor JSON shows: the names are getters, the values private.
 *
 * The constructor takes the values in the order of the names.
 * @param {...string} names
 */
export function secretFields(...names) {
  return class {
    #values;

    constructor(...values) {
      this.#values = values;
      Object.freeze(this);
    }

    /** Overwrite them all: their successors exist. */
    erase() {
      wipe(...this.#values);
    }

    static {
      names.forEach((name, index) => {
        Object.defineProperty(this.prototype, name, {
          get() {
            return this.#values[index];
          },
        });
      });
    }
  };
}
