// Whom this device believes to be its server: one identity, or two while one hands over to the other.
//
// Spec: 3.2, 3.12

import { sameBytes } from "../bytes.js";
import { IdentityPublic } from "../protocol/keys.js";
import { SuccessorStatement } from "../protocol/succession.js";

const NONE = new Uint8Array();

/**
 * @typedef {object} Kept what a device keeps of its server
 * @property {Uint8Array} public_key the identity that it shows to people
 * @property {Uint8Array} [succession] the statement by which that one hands over, while both hold; otherwise empty
 * @property {Uint8Array} [former] the identity before; it opens what was kept from its time, and is believed no more
 */

export class Identities {
  #read;
  #save;

  /** @param {() => Kept} read @param {(changes: object) => Promise<void>} save what has changed of it, durably */
  constructor(read, save) {
    this.#read = read;
    this.#save = save;
  }

  /** One that never hands over. @param {IdentityPublic} identity */
  static fixed(identity) {
    const kept = { public_key: identity.bytes };
    return new Identities(() => kept, async () => {});
  }

  /** The one that the server still shows to people. @returns {IdentityPublic} */
  get shown() {
    return new IdentityPublic(this.#read().public_key);
  }

  /** Those that are believed, the one to go by first. @returns {IdentityPublic[]} */
  get pins() {
    const statement = this.#statement;
    return statement ? [statement.new, statement.old] : [this.shown];
  }

  /** Those that may have signed what this device has kept: the pins, and the one before. @returns {IdentityPublic[]} */
  get ofKept() {
    const { former = NONE } = this.#read();
    return former.length > 0 ? [...this.pins, new IdentityPublic(former)] : this.pins;
  }

  /**
   * The server says in a session that this identity follows its own: from now on both are pinned.
   * @param {Uint8Array} statement @param {number} now in seconds since 1970, by the server's clock
   * Raises: malformed, unknown_peer (another server hands over), unauthentic, expired, not_yet_valid.
   */
  async learn(statement, now) {
    const { succession = NONE } = this.#read();
    if (sameBytes(statement, succession)) return;
    const parsed = SuccessorStatement.parse(statement);
    parsed.check(this.pins, now);
    const changes = parsed.old.equals(this.shown) ? {} : { public_key: parsed.old.bytes, former: this.shown.bytes };
    await this.#save({ ...changes, succession: statement });
  }

  /** Drop the identity that handed over, when its time is over. @param {number} now as above */
  async end(now) {
    const statement = this.#statement;
    if (statement && now >= statement.until) await this.#goBy(statement.new);
  }

  /** The file in force names this identity: when it is the one that follows, the former is dropped. */
  async named(identity) {
    if (this.#statement?.new.equals(identity)) await this.#goBy(identity);
  }

  /** This pinned identity has ended itself; while a server hands over, the other one remains. */
  async revoked(identity) {
    const statement = this.#statement;
    if (statement?.old.equals(identity)) await this.#goBy(statement.new);
    else if (statement) await this.#save({ succession: NONE });
  }

  get #statement() {
    const { succession = NONE } = this.#read();
    return succession.length > 0 ? SuccessorStatement.parse(succession) : null;
  }

  #goBy(identity) {
    return this.#save({ public_key: identity.bytes, succession: NONE, former: this.shown.bytes });
  }
}
