/** Checks of trees. */

export const CHECKS = Object.freeze({});
