// Ports that answer or do not, mirrors that know them, and a real finder between them and whoever follows.

import { toHex } from "../../../static/js/bytes.js";
import { Finder } from "../../../static/js/discovery/finder.js";
import { Identities } from "../../../static/js/discovery/identities.js";
import { sealConnectionFile } from "../../../static/js/protocol/connection_file.js";
import { ConnectionInfo, Endpoint } from "../../../static/js/protocol/connection_info.js";
import { keyId } from "../../../static/js/protocol/key_schedule.js";
import { DiscoverySecret, IdentityKey } from "../../../static/js/protocol/keys.js";

export const MIRROR = "https://mirror.example/connection.json";
export const failure = (code) => Object.assign(new Error(code), { code });

/** A port as a file lists it: `name` becomes its host. */
export function port(name, changes = {}) {
  const now = Math.floor(Date.now() / 1000);
  const base = { port: 50_000, path: `/${"A".repeat(22)}`, tls: true, validFrom: now, validUntil: now + 60 };
  return new Endpoint({ ...base, host: name, ...changes });
}

export class Ports {
  /** What a dial of each host does: "open", "dead", "black hole", "tripwire", "full", "mute" or a number of ms. */
  does = {};
  dialled = [];
  authenticated = [];
  asked = 0;
  /** The file on the mirror; null: none. */
  published = null;
  #identity = IdentityKey.generate();
  #secret = DiscoverySecret.generate();
  #serial = 1;

  constructor(finderOptions = {}) {
    this.finder = new Finder({
      secrets: () => new Map([[toHex(keyId(this.#secret)), this.#secret]]),
      learned: async () => {},
      identities: Identities.fixed(this.#identity.public),
      locators: [MIRROR],
      fetchBytes: async () => {
        this.asked += 1;
        if (this.published === null) throw failure("unavailable");
        return this.published;
      },
      save: async () => {},
      random: () => 0,
      ...finderOptions,
    });
  }

  /** A connection file that lists these, newer than all before. */
  file(endpoints, changes = {}) {
    const now = Math.floor(Date.now() / 1000);
    this.#serial += 1;
    const info = new ConnectionInfo({
      serial: this.#serial, serverId: "cc-test", serverName: "Test", serverPublic: this.#identity.public, timestamp: now,
      validFrom: now - 10, validUntil: now + 3600, nextRotation: now + 60, graceSeconds: 4, endpoints, ...changes,
    });
    return sealConnectionFile(info, this.#secret, this.#identity, now);
  }

  /** The client holds such a file, and the mirror has it. */
  async know(...endpoints) {
    this.published = await this.file(endpoints);
    await this.finder.accept(this.published, null);
  }

  /** What `PortFollower` and `Race` dial with. */
  dial = async ({ host }, proven = async () => {}) => {
    this.dialled.push(host);
    const does = this.does[host] ?? "dead";
    if (does === "dead") throw failure("unavailable");
    if (does === "tripwire") throw failure("rediscover");
    if (does === "black hole" || does === "mute") await new Promise(() => {});
    if (typeof does === "number") await new Promise((resolve) => setTimeout(resolve, does));
    await proven();
    this.authenticated.push(host);
    if (does === "full") throw Object.assign(failure("limit"), { retrySeconds: 1 });
    return channelTo(host);
  };
}

/** A session, as far as a follower sees one. */
export function channelTo(host) {
  let end;
  const channel = { host, isOpen: true, retired: false, closed: new Promise((resolve) => (end = resolve)) };
  channel.end = (number = null) => {
    channel.isOpen = false;
    end({ farewell: number === null ? null : { number }, cause: null });
  };
  channel.close = () => channel.end();
  channel.retire = () => {
    channel.retired = true;
    channel.close();
  };
  return channel;
}
