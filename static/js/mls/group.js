/**
 * A group as the apps use it: a value; all that is done to it gives a new one, every failure leaves it as it was.
 *
 * Spec: 4.4
 */

import { sameBytes, toHex } from "../bytes.js";
import { UsageError } from "../protocol/errors.js";
import { wipe } from "../sodium.js";
import { GroupView } from "./_group_view.js";
import { beginGroup, commitAs, commitFromOutside } from "./_making.js";
import { encrypt, envelope, secretsLeft, signContent } from "./_messages.js";
import { Opened, Pending } from "./_opened.js";
import { replace } from "./_replace.js";
import { ContentType, WireFormat } from "./framing.js";
import { joinByWelcome, treeIn } from "./joining.js";
import { openMessage } from "./opening.js";
import { Remove } from "./proposals.js";
import { Proposed } from "./rules.js";
import { parseRows } from "./storage.js";

export { Opened, Pending } from "./_opened.js";

/**
 * @typedef {import("./member.js").Member} Member
 * @typedef {import("./nodes.js").Extension} Extension
 * @typedef {import("./rules.js").OpenRules} Rules
 * @typedef {(count: number) => Uint8Array} Random
 */

/** One room as this device sees it. */
export class Group extends GroupView {
  /** Key buffers used up on the way here. */
  #spent;

  /** @param {Member} member @param {object} rules @param {object} state @param {Uint8Array[]} [spent] */
  constructor(member, rules, state, spent = []) {
    super(member, rules, state);
    this.#spent = spent;
    Object.freeze(this);
  }

  /**
   * A new group of this device alone, in epoch 0; now: seconds since 1970.
   *
   * Raises: invalid; malformed (extensions that the rules refuse).
   * RFC 9420 11
   * @param {Member} member @param {Uint8Array} groupId
   * @param {{extensions: readonly Extension[], random: Random, now: number, rules: Rules}} options
   */
  static async create(member, groupId, options) {
    return new Group(member, options.rules, await beginGroup(member, groupId, options));
  }

  /**
   * The group of a Welcome; the tree comes from the GroupInfo of the same epoch, or as it is given.
   *
   * Raises: invalid; malformed; unauthentic.
   * RFC 9420 12.4.3.1
   */
  static async join(member, secrets, welcome, groupInfo, { rules, tree = null }) {
    const encodedTree = tree ?? (groupInfo && treeIn(groupInfo));
    return new Group(member, rules, await joinByWelcome(member, secrets, welcome, encodedTree, rules));
  }

  /**
   * A commit by which this device enters by itself; remove: the leaf it takes the place of.
   *
   * Raises: invalid; malformed; unauthentic.
   * RFC 9420 12.4.3.2
   * @param {Member} member @param {Uint8Array} groupInfo
   * @param {{authenticatedData: Uint8Array, remove?: number | null, leafExtensions?: readonly Extension[],
   *    random: Random, now: number, rules: Rules}} options
   * @returns {Promise<Pending>}
   */
  static async joinExternally(member, groupInfo, options) {
    const [made, message] = await commitFromOutside(member, groupInfo, options);
    return pendingOf(member, options.rules, null, made, message);
  }

  /** The group in these rows. Raises: malformed; unsupported_version. */
  static load(member, rows, { rules }) {
    return new Group(member, rules, parseRows(member.suite, rows));
  }

  /** Overwrites the keys that were used up on the way here; for who has stored this group and goes on with it. */
  eraseSpent() {
    this.#spent.splice(0).forEach(wipe);
  }

  /**
   * The group after, and an application message.
   *
   * Raises: usage (proposals wait: commit first, RFC 9420 12.4).
   * @param {Uint8Array} payload @param {Uint8Array} authenticatedData @param {{random: Random}} options
   * @returns {Promise<[Group, Uint8Array]>}
   */
  async seal(payload, authenticatedData, { random }) {
    if (this.pendingProposals) throw new UsageError("a commit comes first: proposals wait");
    const { member, state } = this;
    const signed = await signContent(member, state, authenticatedData, ContentType.APPLICATION, payload);
    const [moved, message] = await encrypt(member, state, signed, random);
    return [this.#next(moved), message];
  }

  /** The group after, and the message that asks the others to remove us (RFC 9420 12.1.3). */
  async proposeRemovalOfSelf(authenticatedData, { random }) {
    const { member, state, leafIndex } = this;
    const proposal = new Remove(leafIndex);
    const signed = await signContent(member, state, authenticatedData, ContentType.PROPOSAL, proposal);
    const [moved, message] = await encrypt(member, state, signed, random);
    const reference = toHex(await signed.ref(member.suite));
    const waiting = new Map(state.waiting).set(reference, new Proposed(proposal, leafIndex, true));
    return [this.#next(replace(moved, { waiting })), message];
  }

  /**
   * A commit with a path and all proposals that wait; now: seconds since 1970.
   *
   * extensions: the group context's complete new list; identity: of our own leaf from now on.
   * Raises: usage (we are leaving); invalid; malformed; unauthentic.
   * RFC 9420 12.4.1
   * @param {{add?: readonly import("./key_package.js").KeyPackage[], remove?: readonly number[],
   *    extensions?: readonly Extension[] | null, identity?: Uint8Array | null, authenticatedData: Uint8Array,
   *    random: Random, now: number}} changes
   * @returns {Promise<Pending>}
   */
  async commit(changes) {
    const [moved, made, message] = await commitAs(this.member, this.state, changes, this.rules);
    return pendingOf(this.member, this.rules, this.#next(moved), made, message);
  }

  /**
   * The group after our pending commit was taken: its next, and of this epoch the ratchets as they stand now.
   *
   * Raises: usage (of another epoch).
   * @param {Group} following
   */
  adopt(following) {
    if (following.epoch !== this.epoch + 1 || !sameBytes(following.groupId, this.groupId)) {
      throw new UsageError("not the next epoch of this group");
    }
    return this.#next(replace(following.state, { past: this.state.asPast() }));
  }

  /**
   * What a message says or does.
   *
   * Raises: malformed; unauthentic; invalid; epoch_gone; key_used.
   * RFC 9420 6, 12.4.2
   * @param {Uint8Array} message @returns {Promise<Opened>}
   */
  async open(message) {
    const { kind, state, content, sender, leaf, ...lists } = await openMessage(this.state, message, this.rules);
    const { epoch, authenticatedData } = content;
    const payload = kind === "message" ? content.content : null;
    const group = state ? this.#next(state) : this;
    return new Opened({ kind, group, epoch, sender, leaf, authenticatedData, payload, ...lists });
  }

  /** The group without what opens messages of the epoch before. */
  withoutPast() {
    return this.#next(replace(this.state, { past: null }));
  }

  #next(state) {
    return new Group(this.member, this.rules, state, [...this.#spent, ...secretsLeft(this.state, state)]);
  }
}

async function pendingOf(member, rules, group, made, commit) {
  const past = group ? group.state.asPast() : null;
  const next = new Group(member, rules, replace(made.state, { past }));
  const welcome = made.welcome ? envelope(WireFormat.WELCOME, made.welcome) : null;
  return new Pending({ group, next, commit, welcome, groupInfo: await next.groupInfo() });
}
