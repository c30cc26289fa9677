// The app behind the screens: what it shows, what can be done.

import { Client } from "./client.js";
import { ClientPage } from "./client_page.js";
import { checkConnection } from "./connection_check.js";
import { browserEnvironment } from "./environment.js";
import { dropInvitation, takeInvitation } from "./invitation.js";
import { OwnDevice } from "./own_device.js";
import { Problem, storageProblem } from "./problem.js";
import { TabLock } from "./tab_lock.js";
import { BY_HAND } from "./views.js";

export class App extends ClientPage {
  #environment;
  #storageName;
  #lock;
  #device = null;
  #isClosed = false;

  constructor(storageName, environment) {
    super();
    this.#storageName = storageName;
    this.#environment = environment;
    this.#lock = new TabLock(storageName, environment.locks);
  }

  // Lifecycle

  /**
   * The app for this page. What can be expected to go wrong is in `state` and `problem`, it is never thrown.
   * @param {object} page
   * @param {Location} page.location
   * @param {string} [page.storageName]
   * @param {Partial<import("./environment.js").Environment>} [page.environment] in place of the browser's
   */
  static async open({ location, storageName = "clawchat", environment = {} }) {
    const app = new App(storageName, { ...browserEnvironment(), ...environment });
    app.addEventListener("change", () => app.#device?.spare?.weigh(app));
    const invitation = takeInvitation(location, app.#environment.history);
    if (await app.#lock.tryTake()) await app.#begin(invitation);
    else app.#waitForTurn(invitation);
    app.#environment.onOnline(() => app.retryNow());
    return app;
  }

  /** Let go of everything, so that another page can go on. */
  async close() {
    this.#isClosed = true;
    this.client?.stop();
    this.#device?.close();
    this.#lock.release();
  }

  // What it shows

  /** @returns {{serverName: string, expires: number, expired: boolean} | null} `expires` in seconds since 1970 */
  get invitation() {
    return this.client ? null : (this.#device?.invitation ?? null);
  }

  get problem() {
    return super.problem ?? this.#device?.spare?.problem ?? null;
  }

  /** An invitation with which this device, shut out as it is, may start over. @returns {{isForeign: boolean} | null} */
  get offer() {
    const spare = this.#device?.spare;
    const isHere = this.state === "ready" || this.state === "revoked";
    return isHere && spare?.isOffered ? { isForeign: spare.isForeign } : null;
  }

  get me() {
    return this.client?.me ?? { userId: "", name: this.#device?.account?.name ?? "" };
  }

  // Actions; each raises a Problem with a `code` when it was not done

  /** Use the invitation under this name. */
  async enrol(name) {
    this.become("enrolling");
    try {
      await this.#device.enrol(name, () => this.become("enrolling", new Problem("invitation_awaited")));
      await this.#run();
    } catch (cause) {
      this.become("invited", Problem.from(cause));
      throw this.problem;
    }
  }

  /** Erase what is here and come in as somebody new. Raises: Problem, and all is still here. */
  async startOver() {
    const device = this.#device;
    await device.spare?.tryOut(this.#environment);
    if (!this.offer) throw new Problem("invitation_needless");
    this.client?.stop();
    // From here on nobody asks what the old ones have to say.
    this.client = this.#device = null;
    this.become("starting");
    await this.#restart(device).catch((cause) => this.#fail(storageProblem(cause)));
  }

  /** Do without the invitation that came to a device with an account. */
  async dropSpare() {
    const dropped = this.#device?.dropSpare();
    this.become(this.state);
    await dropped;
  }

  async send(roomId, text, sources = []) {
    const messageId = await super.send(roomId, text, sources);
    this.#environment.persist().catch(() => {});
    return messageId;
  }

  /** Look for the server where this connection file says. Raises: Problem. @param {Uint8Array} file picked by hand */
  useFile(file) {
    return this.#device.finder.accept(file, BY_HAND).then(() => this.retryNow(), Problem.raise);
  }

  /** Go the way to the server step by step. @param {(found: object) => void} tell is shown how far it has come */
  checkConnection(tell) {
    return checkConnection({ device: this.#device, connection: this.connection, environment: this.#environment, tell });
  }

  // Internal

  async #waitForTurn(invitation) {
    this.become("elsewhere");
    await this.#lock.take();
    this.become("starting");
    await this.#begin(invitation);
  }

  /** @param {import("../protocol/invite.js").Invite | Problem | null} invitation */
  async #begin(invitation) {
    const unreadable = invitation instanceof Problem ? invitation : null;
    try {
      this.#device = await OwnDevice.open(this.#storageName, unreadable ? null : invitation, this.#environment);
    } catch (cause) {
      return this.#fail(storageProblem(cause));
    }
    dropInvitation(this.#environment.history);
    return this.#proceed(unreadable).catch((cause) => this.#fail(cause));
  }

  async #restart(device) {
    this.#device = await device.startOver();
    await this.#proceed(null);
  }

  async #proceed(unreadable) {
    const { account, finder } = this.#device;
    if (account === null) this.become("empty", unreadable);
    else if (account.isRevoked) this.become("revoked", unreadable);
    else if (account.isEnrolled) await this.#run(unreadable && new Problem("invitation_incomplete"));
    else if (account.person) await this.enrol(account.name).catch(() => {});
    else {
      this.become("invited", unreadable);
      // Only to name the server to the newcomer; whether it can be reached shows when it matters.
      finder.refresh().then(() => this.tell("state"), () => {});
    }
  }

  async #run(problem = null) {
    const device = this.#device;
    const { store, account, finder } = device;
    this.client = await Client.open({
      store, account, finder, environment: this.#environment,
      changed: (what, roomId) => this.tell(what, roomId),
      failed: (cause) => device === this.#device && this.#fail(cause),
    });
    this.become("ready", problem);
    this.client.start();
  }

  /** Nothing further can be done here. Another page may have taken over, or the server has put this device out. */
  #fail(cause) {
    if (this.#isClosed || this.state === "failed" || this.state === "revoked") return;
    this.client?.stop();
    if (cause.code === "superseded") this.become("elsewhere");
    else if (cause.code !== "revoked") this.become("failed", Problem.from(cause));
    else {
      this.become("revoked");
      this.#device.account.update({ revoked: true }).catch(() => {});
    }
  }
}
