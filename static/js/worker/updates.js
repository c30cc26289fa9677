// The page's side of the service worker: keeps it in place, and says when a newer version of the app is at hand.
//
// A newer version is offered and never forced: what runs goes on until its reader wants the other one.

const ADDRESS = "/worker.js";
const LOOK_EVERY_MS = 60 * 60 * 1000;
const FETCH_MS = 10_000;

/** "change": there is a newer version at hand. */
export class Updates extends EventTarget {
  #container;
  #page;
  #registration = null;
  #lookedAt = 0;
  #isLeaving = false;

  /**
   * @param {ServiceWorkerContainer | undefined} container undefined where the browser has none, as in private windows
   * @param {{reload: () => void}} page
   */
  constructor(container, page) {
    super();
    this.#container = container;
    this.#page = page;
    // Another page may switch at any time: then this one is of a version that is gone.
    if (container?.controller) container.addEventListener("controllerchange", () => this.#leave());
  }

  /** Put the worker in place. Without one all works as before, but only while the front door is there. */
  async begin() {
    try {
      this.#registration = (await this.#container?.register(scriptAddress())) ?? null;
    } catch {
      return; // a browser that keeps nothing, or a certificate it does not trust
    }
    this.#lookedAt = Date.now();
    this.#registration?.addEventListener("updatefound", () => this.#whenInstalled(() => this.#tell()));
    this.#tell();
  }

  /** Whether a newer version is at hand. The very first one waits for a moment, too, and is newer than none. */
  get isWaiting() {
    return Boolean(this.#registration?.active && this.#registration.waiting);
  }

  /** Ask the front door for a newer version, at most once an hour. */
  async look() {
    // A clock that was set back is no reason to wait until that time comes again.
    if (!this.#registration || Math.abs(Date.now() - this.#lookedAt) < LOOK_EVERY_MS) return;
    this.#lookedAt = Date.now();
    await this.#registration.update().catch(() => {});
  }

  /** Open the page again, in the newest version that can be had. */
  async reload() {
    this.#isLeaving = false; // whoever asks again is still here: the first time was broken off
    if (this.#registration && !this.isWaiting) await this.#fetchNewest();
    const worker = this.#registration?.waiting;
    if (!worker) return this.#page.reload();
    // It is "redundant" when yet another version, that another page has asked for, takes its place.
    const ends = ["activated", "redundant"];
    worker.addEventListener("statechange", () => ends.includes(worker.state) && this.#leave());
    worker.postMessage("switch");
  }

  // Internal

  #tell() {
    if (this.isWaiting) this.dispatchEvent(new Event("change"));
  }

  /** A switch shows twice, at the page and at the worker; to reload again would break off the first reload. */
  #leave() {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#page.reload();
  }

  /** Ends when the newest version is at hand, or when there is none to be had. */
  async #fetchNewest() {
    const installed = () => new Promise((resolve) => this.#whenInstalled(resolve));
    const fetched = this.#registration.update().then(installed, () => {});
    let timer;
    await Promise.race([fetched, new Promise((resolve) => (timer = setTimeout(resolve, FETCH_MS)))]);
    clearTimeout(timer);
  }

  /** Calls back when no version is on its way any more: it is at hand, in use, or could not be had. */
  #whenInstalled(done) {
    const worker = this.#registration.installing;
    if (!worker) return done();
    worker.addEventListener("statechange", () => worker.state !== "installing" && done());
  }
}

/** Where scripts may come from is guarded by the policy of the page; this is the one address that is let through. */
function scriptAddress() {
  const policy = globalThis.trustedTypes?.createPolicy("worker", { createScriptURL: () => ADDRESS });
  return policy ? policy.createScriptURL("") : ADDRESS;
}
