/**
 * What a person can be offered to do when something went wrong.
 */

export const RELOAD = { label: "Reload the page", action: "reload" };
export const RETRY = { label: "Try again", action: "retry" };
export const DROP = { label: "All right", action: "drop" };
export const PASTE = { label: "Use another invitation", action: "paste" };
export const TRUST = { label: "Send anyway", action: "trust" };
