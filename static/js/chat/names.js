// What people are called, as far as this device knows.

/**
 * The names as they are now; another object each time, by which whoever drew with them sees that one may have changed.
 * @param {{userId: string, name: string}} me @param {import("./directory.js").Directory} directory
 */
export function namesNow(me, directory) {
  return { of: (userId) => (userId === me.userId ? me.name : (directory.nameOf(userId) ?? "")) };
}
