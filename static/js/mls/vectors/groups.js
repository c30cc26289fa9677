/** Checks of groups. */

export const CHECKS = Object.freeze({});
