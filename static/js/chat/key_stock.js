// Key packages that wait at the server, so that others can add this device while it is away.
//
// Spec: 3.14, 4.5

/** So many are kept at the server, and it is filled up again below so many. */
const FULL = 50;
const LOW = 20;

/** The package for when all others are used up is replaced after this long; a used one keeps no secret for ever. */
const LAST_RESORT_SECONDS = 10 * 86_400;

/** A package is good for 30 days; what is older than that and some leeway can open no Welcome any more. */
const USELESS_SECONDS = 45 * 86_400;

export class KeyStock {
  #store;
  #groups;
  #ask;

  /** @param {object} store @param {import("./groups.js").Groups} groups @param {Function} ask */
  constructor(store, groups, ask) {
    this.#store = store;
    this.#groups = groups;
    this.#ask = ask;
  }

  /** See that the server has a package for when all others are used up. @param {number} now seconds */
  async offerLastResort(now) {
    const kept = (await this.#store.readAll("packages")).map(([, row]) => row);
    if (kept.some(({ last_resort, made }) => last_resort && made > now - LAST_RESORT_SECONDS)) return;
    const [lastResort] = await this.#make(1, now, true);
    await this.#ask("packages.put", { packages: [], last_resort: lastResort });
  }

  /** Fill the server's stock up when it runs low. @param {number} now seconds */
  async fill(now) {
    await this.#prune(now);
    const { left } = await this.#ask("packages.put", { packages: [] });
    if (left < LOW) await this.#ask("packages.put", { packages: await this.#make(FULL - left, now, false) });
  }

  /** The private half of the first of these packages that is ours. @param {string[]} refs */
  async find(refs) {
    for (const ref of refs) {
      const kept = await this.#store.read("packages", ref);
      if (kept) return { ref, privateBytes: kept.private, isLastResort: kept.last_resort };
    }
    return null;
  }

  /** The private halves are stored before anything leaves: a package without one would swallow somebody's Welcome. */
  async #make(count, now, isLastResort) {
    const made = [];
    while (made.length < count) made.push(await this.#groups.makeKeyPackage(now));
    const kept = { made: now, last_resort: isLastResort };
    await this.#store.write(
      made.map(({ ref, privateBytes }) => ["packages", ref, { ...kept, private: privateBytes }]),
    );
    return made.map((each) => each.packageBytes);
  }

  async #prune(now) {
    const all = await this.#store.readAll("packages");
    const useless = all.filter(([, { made }]) => made < now - USELESS_SECONDS);
    if (useless.length > 0) await this.#store.write(useless.map(([ref]) => ["packages", ref, null]));
  }
}
