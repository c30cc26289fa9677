// One room's MLS group as a value: an operation makes the next group and leaves this one as it was.
//
// So the caller stores the next group and the bytes it made in one transaction, and only then goes on with it; whatever
// fails before that has changed nothing.
// Spec: 4.4, 4.5

import { sameBytes } from "../bytes.js";
import { Unauthentic } from "../protocol/errors.js";
import { memberData } from "../protocol/authenticated_data.js";
import {
  createApplicationMessage,
  createGroup,
  emptyPskIndex,
  joinGroup,
  mlsExporter,
  zeroOutUint8Array,
} from "../../vendor/ts_mls.js";
import { makeCommit, makeGroupInfo } from "./committing.js";
import { decodeRows, encodeChangedRows, encodeRows } from "./group_state.js";
import { makeKeyPackage, openKeyPackage } from "./key_package.js";
import { encodeMessage, parseMessage } from "./message.js";
import { asUnauthentic, openEntry } from "./opening.js";
import { checkLeaves, CLIENT_CONFIG } from "./profile.js";
import { membersOf, treeIn } from "./tree.js";

export class Group {
  #device;
  #state;
  /** Key buffers used up between the stored group and this one. */
  #spent;

  /** Use `create`, `join` or `load`. */
  constructor(device, state, spent = []) {
    this.#device = device;
    this.#state = state;
    this.#spent = spent;
  }

  // Lifecycle

  /** A group with this device as its only member. @param {Uint8Array} roomId 16 bytes @param {number} now seconds */
  static async create(device, roomId, now) {
    const { publicPackage, privatePackage } = openKeyPackage((await makeKeyPackage(device, now)).privateBytes);
    const state = await createGroup(roomId, publicPackage, privatePackage, [], device.suite, CLIENT_CONFIG);
    return new Group(device, state);
  }

  /**
   * The group a Welcome opens.
   * @param {{welcome: Uint8Array, groupInfo: Uint8Array, privateBytes: Uint8Array}} parts `groupInfo` of the Welcome's
   *   epoch has the tree; `privateBytes` of the key package the Welcome names
   * Raises: malformed, unauthentic.
   */
  static async join(device, roomId, { welcome, groupInfo, privateBytes }) {
    const message = parseMessage("mls_welcome", welcome);
    const tree = treeIn(parseMessage("mls_group_info", groupInfo));
    const { publicPackage, privatePackage } = openKeyPackage(privateBytes);
    const { suite } = device;
    const state = await asUnauthentic(() =>
      joinGroup(message, publicPackage, privatePackage, emptyPskIndex, suite, tree, undefined, CLIENT_CONFIG),
    );
    if (!sameBytes(state.groupContext.groupId, roomId)) throw new Unauthentic("a Welcome to another room");
    checkLeaves([], membersOf(state.ratchetTree), new Set());
    return new Group(device, state);
  }

  /** The group that `rows` wrote. */
  static load(device, rows) {
    return new Group(device, decodeRows(rows));
  }

  /** @returns {{epoch: Uint8Array, live: Uint8Array, past: Uint8Array | null}} every row, for a group not yet stored */
  rows() {
    return encodeRows(this.#state);
  }

  /** The rows that differ from those of `before`; null erases a row. */
  rowsSince(before) {
    return encodeChangedRows(this.#state, before.#state);
  }

  /** Overwrites the keys that were used up on the way here; to be called once this group is stored. */
  eraseSpent() {
    for (const buffer of this.#spent.splice(0)) zeroOutUint8Array(buffer);
  }

  get roomId() {
    return this.#state.groupContext.groupId;
  }

  get epoch() {
    return Number(this.#state.groupContext.epoch);
  }

  /** @returns {ReturnType<typeof membersOf>} */
  get members() {
    return membersOf(this.#state.ratchetTree);
  }

  /** Whether keys of the epoch before are still there. */
  get hasPast() {
    return this.#state.historicalReceiverData.size > 0;
  }

  // Actions

  /** Encrypt one payload. @returns {Promise<{group: Group, message: Uint8Array}>} */
  async seal(payload, messageId) {
    const authenticatedData = memberData(this.roomId, messageId);
    const { newState, privateMessage, consumed } = await createApplicationMessage(
      this.#state,
      payload,
      this.#device.suite,
      authenticatedData,
    );
    return { group: this.#next(newState, consumed), message: encodeMessage("mls_private_message", privateMessage) };
  }

  /**
   * Open an entry of the log that is not our own.
   * @returns {Promise<{kind: "message" | "commit" | "removed", group: Group, sender: object, payload?: Uint8Array,
   *   added?: object[], removed?: object[]}>} Raises: malformed, unauthentic; nothing has changed then.
   */
  async open(bytes) {
    const { newState, consumed, ...opened } = await openEntry(this.#device, this.#state, bytes);
    return { ...opened, group: this.#next(newState, consumed) };
  }

  /**
   * Make a commit. `next` is the group once the server took it; `group` is the one to go on with until then.
   * @param {{add?: {packageBytes: Uint8Array, publicKey: Uint8Array, userId: Uint8Array}[], remove?: number[]}} changes
   *   `remove`: leaves by index
   * @returns {Promise<{group: Group, next: Group, commit: Uint8Array, welcome: Uint8Array | null,
   *   groupInfo: Uint8Array}>}
   */
  async commit({ add = [], remove = [] }, messageId) {
    const made = await makeCommit(this.#device, this.#state, { add, remove }, messageId);
    const { newState, steppedState, ...bytes } = made;
    return { ...bytes, group: this.#next(steppedState, []), next: new Group(this.#device, newState) };
  }

  /** A pending group whose commit stands in the log, with the ratchets as far as they have moved here meanwhile. */
  adopt(next) {
    const past = new Map(next.#state.historicalReceiverData);
    const epoch = this.#state.groupContext.epoch;
    const receiver = past.get(epoch);
    if (receiver) past.set(epoch, { ...receiver, secretTree: this.#state.secretTree });
    return new Group(this.#device, { ...next.#state, historicalReceiverData: past }, this.#spent);
  }

  /** Without the keys of the epoch before. */
  withoutPast() {
    return this.#next({ ...this.#state, historicalReceiverData: new Map() }, []);
  }

  /** @returns {Promise<Uint8Array>} the GroupInfo with the tree */
  async groupInfo() {
    return makeGroupInfo(this.#device, this.#state);
  }

  /** A secret of this epoch. @param {string} label @param {number} length bytes */
  async export(label, length = 32) {
    const { exporterSecret } = this.#state.keySchedule;
    return mlsExporter(exporterSecret, label, new Uint8Array(), length, this.#device.suite);
  }

  // Internal

  #next(state, consumed) {
    return new Group(this.#device, state, [...this.#spent, ...consumed]);
  }
}
