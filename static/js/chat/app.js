// The app behind the screens: what it shows, what can be done.

import { Client } from "./client.js";
import { checkConnection } from "./connection_check.js";
import { browserEnvironment } from "./environment.js";
import { dropInvitation, takeInvitation } from "./invitation.js";
import { OwnDevice } from "./own_device.js";
import { PageState } from "./page_state.js";
import { Problem, storageProblem } from "./problem.js";
import { TabLock } from "./tab_lock.js";
import { BY_HAND, OFFLINE } from "./views.js";

export class App extends PageState {
  #environment;
  #storageName;
  #lock;
  #device = null;
  #client = null;
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
    const invitation = takeInvitation(location, app.#environment.history);
    if (await app.#lock.tryTake()) await app.#begin(invitation);
    else app.#waitForTurn(invitation);
    app.#environment.onOnline(() => app.retryNow());
    return app;
  }

  /** Let go of everything, so that another page can go on. */
  async close() {
    this.#isClosed = true;
    this.#client?.stop();
    this.#device?.close();
    this.#lock.release();
  }

  // What it shows

  /** @returns {{serverName: string, expires: number, expired: boolean} | null} `expires` in seconds since 1970 */
  get invitation() {
    const invite = this.#device?.account?.invite;
    if (!invite || this.#client) return null;
    const expired = invite.expires * 1000 < Date.now();
    return { serverName: this.#device.finder.info?.serverName ?? "", expires: invite.expires, expired };
  }

  get connection() {
    return this.#client?.connection ?? OFFLINE;
  }

  get me() {
    return this.#client?.me ?? { userId: "", name: this.#device?.account?.name ?? "" };
  }

  get people() {
    return this.#client?.people ?? [];
  }

  get rooms() {
    return this.#client?.rooms ?? [];
  }

  /** @param {string} roomId hex @returns {object[]} in log order, own waiting ones last */
  messages(roomId) {
    return this.#client?.messages(roomId) ?? [];
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

  createRoom(name) {
    return this.#do((client) => client.createRoom(name));
  }

  addPeople(roomId, userIds) {
    return this.#do((client) => client.addPeople(roomId, userIds));
  }

  async send(roomId, text) {
    const messageId = await this.#do((client) => client.send(roomId, text));
    this.#environment.persist().catch(() => {});
    return messageId;
  }

  createInvite(label) {
    return this.#do((client) => client.createInvite(label));
  }

  rename(name) {
    return this.#do((client) => client.rename(name));
  }

  markRead(roomId) {
    return this.#do((client) => client.markRead(roomId));
  }

  async retryNow() {
    this.#client?.retryNow();
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

  async #proceed(unreadable) {
    const { account, finder } = this.#device;
    if (account === null) this.become("empty", unreadable);
    else if (account.isRevoked) this.become("revoked");
    else if (account.isEnrolled) await this.#run();
    else if (account.person) await this.enrol(account.name).catch(() => {});
    else {
      this.become("invited");
      // Only to name the server to the newcomer; whether it can be reached shows when it matters.
      finder.refresh().then(() => this.tell("state"), () => {});
    }
  }

  async #run() {
    const { store, account, finder } = this.#device;
    this.#client = await Client.open({
      store, account, finder, environment: this.#environment,
      changed: (what, roomId) => this.tell(what, roomId),
      failed: (cause) => this.#fail(cause),
    });
    this.become("ready");
    this.#client.start();
  }

  #do(action) {
    if (!this.#client) return Promise.reject(new Problem("unavailable"));
    return action(this.#client).catch(Problem.raise);
  }

  /** Nothing further can be done here. Another page may have taken over, or the server has put this device out. */
  #fail(cause) {
    if (this.#isClosed || this.state === "failed" || this.state === "revoked") return;
    this.#client?.stop();
    if (cause.code === "superseded") this.become("elsewhere");
    else if (cause.code !== "revoked") this.become("failed", Problem.from(cause));
    else {
      this.become("revoked");
      this.#device.account.update({ revoked: true }).catch(() => {});
    }
  }
}
