// An invitation that came to a device which has an account. It is kept until it shows what it is good for: a member
// does not need it, and a device that the server lets in no more may start over with it.
//
// Spec: 3.2

import { Finder } from "../discovery/finder.js";
import { Identities } from "../discovery/identities.js";
import { toHex } from "../bytes.js";
import { Invite } from "../protocol/invite.js";
import { keyId } from "../protocol/key_schedule.js";
import { Problem } from "./problem.js";

const ROW = ["account", "spare"];

/** A new invitation opens the server's address once that was published anew: at most so long it is waited for. */
const PUBLISHED_WITHIN_MS = 30_000;
const PAUSE_MS = 1000;

const TURNED_AWAY = ["unknown_peer", "identity_replaced", "refused"];
const OFFERED = "offered";

export class SpareInvitation {
  #store;
  /** OFFERED, the code of what there is to tell, or null while it is not known what the invitation is good for. */
  #verdict = null;

  constructor(store, account, invite) {
    this.#store = store;
    this.invite = invite;
    this.isForeign = !account.identities.pins.some((pin) => pin.equals(invite.serverPublic));
  }

  // Lifecycle

  /** So that it outlives the page; one that has run out is looked at once. @returns {Promise<SpareInvitation>} */
  static async keep(store, account, invite) {
    const spare = new SpareInvitation(store, account, invite);
    if (!spare.#isExpired) await store.write([[...ROW, invite.encode()]]);
    return spare;
  }

  /** @returns {Promise<SpareInvitation | null>} the one that was kept, while it is in time */
  static async load(store, account) {
    const text = await store.read(...ROW);
    if (!text) return null;
    const spare = new SpareInvitation(store, account, Invite.parse(text));
    if (!spare.#isExpired) return spare;
    await spare.drop();
    return null;
  }

  drop() {
    return this.#store.write([[...ROW, null]]);
  }

  // What it is good for

  /** Whether the device may start over with it. */
  get isOffered() {
    return this.#verdict === OFFERED;
  }

  /** What is to be told instead, or null. @returns {Problem | null} */
  get problem() {
    return this.#verdict === null || this.isOffered ? null : new Problem(this.#verdict);
  }

  /**
   * Look at where the account stands now. What is known already is forgotten only for something better known: a
   * connection that comes and goes tells nothing new.
   * @param {{state: string, connection: {status: string, problem: {code: string} | null, doubts: object[]}}} app
   */
  weigh({ state, connection }) {
    const { status, problem } = connection;
    const isOut = state === "revoked" || TURNED_AWAY.includes(problem?.code);
    if (isOut || (this.isForeign && isReplaced(connection))) this.#verdict = this.#isExpired ? "invitation_expired" : OFFERED;
    else if (["connected", "moving"].includes(status)) this.#verdict = this.#needless;
    else if (problem?.code === "unavailable") this.#verdict ??= this.isForeign ? this.#needless : "invitation_waits";
  }

  /**
   * Whether it opens the server's address, seen before anything is given up for it.
   * @param {import("./environment.js").Environment} environment
   * Raises: Problem when it does not, or that cannot be seen now.
   */
  async tryOut({ fetchBytes, region }) {
    if (this.#isExpired) throw new Problem("invitation_expired");
    const finder = this.#makeFinder({ fetchBytes, region });
    try {
      await this.#find(finder);
    } finally {
      finder.close();
    }
  }

  // Internal

  get #isExpired() {
    return this.invite.expires * 1000 < Date.now();
  }

  get #needless() {
    return this.isForeign ? "invitation_foreign" : "invitation_needless";
  }

  async #find(finder) {
    const deadline = Date.now() + PUBLISHED_WITHIN_MS;
    for (;;) {
      try {
        return await finder.refresh();
      } catch (cause) {
        if (cause.code !== "unknown_peer") throw Problem.from(cause);
        if (this.invite.discoverySecret) throw new Problem("invitation_used");
        if (Date.now() > deadline) throw new Problem("invitation_opens_nothing");
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** One that keeps nothing. */
  #makeFinder({ fetchBytes, region }) {
    const { discoverySecret: secret, invitePsk, serverPublic, locators } = this.invite;
    const nothing = async () => {};
    return new Finder({
      secrets: () => new Map(secret ? [[toHex(keyId(secret)), secret]] : []),
      psks: () => [invitePsk],
      identities: Identities.fixed(serverPublic),
      locators,
      fetchBytes,
      region,
      learned: nothing,
      save: nothing,
    });
  }
}

/** Whether another server is where this device's own one was, as after it was set up anew. */
function isReplaced({ problem, doubts }) {
  const isStrange = ({ code }) => code === "unauthentic";
  return problem !== null && (isStrange(problem) || (problem.code === "unavailable" && doubts.some(isStrange)));
}
