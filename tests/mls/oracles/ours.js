// A member of a group whose library is ours, in node or in a page: what a test asks for, with hex for byte strings.

import { fromHex, toHex, utf8 } from "../../../static/js/bytes.js";
import { Reader } from "../../../static/js/mls/codec.js";
import { Group } from "../../../static/js/mls/group.js";
import { KeyPackage, makeKeyPackage } from "../../../static/js/mls/key_package.js";
import { Member } from "../../../static/js/mls/member.js";
import { Capabilities } from "../../../static/js/mls/nodes.js";
import { OpenRules } from "../../../static/js/mls/rules.js";
import { X25519_SUITE } from "../../../static/js/mls/suite.js";

const NOTHING = new Uint8Array();
const LABEL = "mixed groups";
/** Version 1, wire format key_package. */
const KEY_PACKAGE_HEAD = "00010005";

const random = (count) => crypto.getRandomValues(new Uint8Array(count));

export class OursInJavaScript {
  rules = new OpenRules();

  async #memberOf(name) {
    if (!this.member) {
      const keys = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
      const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
      const sign = async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", keys.privateKey, message));
      const capabilities = new Capabilities([1], [X25519_SUITE.number], [], [], [1]);
      this.member = new Member(X25519_SUITE, utf8(name), publicKey, sign, capabilities);
    }
    return this.member;
  }

  async key_package({ name, now }) {
    this.secrets = await makeKeyPackage(await this.#memberOf(name), now, random);
    return { key_package: KEY_PACKAGE_HEAD + toHex(this.secrets.package.encode()) };
  }

  async create({ group_id, name, now }) {
    const options = { extensions: [], random, now, rules: this.rules };
    this.group = await Group.create(await this.#memberOf(name), fromHex(group_id), options);
    return {};
  }

  async join({ welcome, tree }) {
    const options = { rules: this.rules, tree: fromHex(tree) };
    this.group = await Group.join(this.member, this.secrets, fromHex(welcome), null, options);
    return {};
  }

  async join_externally({ group_info, name, now }) {
    const options = { authenticatedData: NOTHING, random, now, rules: this.rules };
    this.pending = await Group.joinExternally(await this.#memberOf(name), fromHex(group_info), options);
    return this.#made();
  }

  async commit({ add, remove, now }) {
    const packages = add.map((each) => KeyPackage.read(new Reader(fromHex(each.slice(KEY_PACKAGE_HEAD.length)))));
    this.pending = await this.group.commit({ add: packages, remove, authenticatedData: NOTHING, random, now });
    this.group = this.pending.group;
    return this.#made();
  }

  /** The server took the pending commit. */
  async taken() {
    this.group = this.group ? this.group.adopt(this.pending.next) : this.pending.next;
    return {};
  }

  async process({ message }) {
    const opened = await this.group.open(fromHex(message));
    this.group = opened.group;
    return { payload: opened.payload ? toHex(opened.payload) : null };
  }

  async seal({ payload }) {
    const [group, message] = await this.group.seal(fromHex(payload), NOTHING, { random });
    this.group = group;
    return { message: toHex(message) };
  }

  async tree() {
    return { tree: toHex(this.group.tree.encode()) };
  }

  async export() {
    return { secret: toHex(await this.group.export(LABEL, NOTHING, 32)) };
  }

  #made() {
    const { commit, welcome, groupInfo } = this.pending;
    return { commit: toHex(commit), welcome: welcome && toHex(welcome), group_info: toHex(groupInfo) };
  }
}
