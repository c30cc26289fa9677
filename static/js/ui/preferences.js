/** What the reader chose for this browser: appearance, the Enter key, what others see. Nothing here is secret. */

export const THEMES = ["light", "dark", "system"];
export const ENTERS = ["auto", "send", "newline"];
export const SIGNALS = ["on", "off"];
const CHOICES = { theme: THEMES, enter: ENTERS, signals: SIGNALS };
const DEFAULTS = { theme: "system", enter: "auto", signals: "on" };
const PREFIX = "clawchat.";

/** Reads and writes choices; a browser that keeps nothing still works, with the defaults. */
export class Preferences {
  #storage;

  /** @param {() => Storage} storage asked for each time, since the mere look can be refused */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @param {"theme"|"enter"|"signals"} name */
  get(name) {
    try {
      const kept = this.#storage().getItem(PREFIX + name);
      return CHOICES[name].includes(kept) ? kept : DEFAULTS[name];
    } catch {
      return DEFAULTS[name];
    }
  }

  /** @param {"theme"|"enter"|"signals"} name @param {string} value */
  set(name, value) {
    try {
      this.#storage().setItem(PREFIX + name, value);
    } catch {
      // Refused by the browser: the choice lasts as long as the page.
    }
  }
}

/**
 * Whether Enter sends: on a keyboard it does, under a thumb it starts a line, unless chosen otherwise.
 * @param {string} choice
 * @param {boolean} hasKeyboard
 */
export function enterSends(choice, hasKeyboard) {
  return choice === "send" || (choice === "auto" && hasKeyboard);
}

export const preferences = new Preferences(() => globalThis.localStorage);
