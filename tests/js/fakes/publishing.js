// A server that publishes connection files and lists of what is revoked, and somebody's finder that reads them.

import { toHex } from "../../../static/js/bytes.js";
import { Finder } from "../../../static/js/discovery/finder.js";
import { Identities } from "../../../static/js/discovery/identities.js";
import { sealConnectionFile } from "../../../static/js/protocol/connection_file.js";
import { ConnectionInfo, Endpoint, RevocationsHead } from "../../../static/js/protocol/connection_info.js";
import { keyId } from "../../../static/js/protocol/key_schedule.js";
import { DiscoverySecret, IdentityKey } from "../../../static/js/protocol/keys.js";
import { sha256 } from "../../../static/js/protocol/primitives.js";
import { RevocationList, sealRevocationList } from "../../../static/js/protocol/revocation_list.js";
import { joinWraps, makePadding, makeWrap, WRAPS_STEP } from "../../../static/js/protocol/wraps.js";

export const NOW = Math.floor(Date.now() / 1000);
export const LIST = "https://one.example/revocations.json";
export const [MIRROR, OTHER] = ["https://one.example/c.json", "https://two.example/c.json"];

/** A chat port of the server. */
export function endpoint(port, changes = {}) {
  const base = { host: "chat.example", path: `/${"A".repeat(22)}`, tls: true, validFrom: NOW, validUntil: NOW + 3600 };
  return new Endpoint({ ...base, port, ...changes });
}

/** A server that publishes, and somebody's finder with the mirrors as they are told. */
export function setUp({ mirrors = {}, secretsHeld = null, ...options } = {}) {
  const [identity, discoverySecret] = [IdentityKey.generate(), DiscoverySecret.generate()];
  const [saved, learned, lists] = [[], [], []];
  const publish = async (serial, endpoints = [endpoint(50_000)], changes = {}) => {
    const { signer = identity, secret = discoverySecret, urls = [], psks = [], revocations = null } = changes;
    const { timestamp = NOW, validFrom = NOW - 10 } = changes;
    const info = new ConnectionInfo({
      serial, serverId: "cc-test", serverName: "Test", serverPublic: signer.public, timestamp, endpoints, urls,
      validFrom, validUntil: NOW + 3600, nextRotation: NOW + 3600, graceSeconds: 300, revocations,
    });
    const entries = await Promise.all(psks.map((psk) => makeWrap(psk, secret)));
    while (entries.length % WRAPS_STEP) entries.push(makePadding());
    return sealConnectionFile(info, secret, signer, NOW, { wraps: joinWraps(entries) });
  };
  const publishList = async (serial, entries, secret = discoverySecret) => {
    const file = await sealRevocationList(new RevocationList(serial, NOW, entries), secret, identity, NOW);
    return { file, head: new RevocationsHead(serial, sha256(file)) };
  };
  const fetchBytes = async (url) => {
    if (!(url in mirrors)) throw Object.assign(new Error("away"), { code: "unavailable" });
    return mirrors[url];
  };
  const held = new Map([...(secretsHeld ?? [discoverySecret])].map((secret) => [toHex(keyId(secret)), secret]));
  const finder = new Finder({
    secrets: () => held,
    learned: async (secret) => learned.push(secret),
    identities: Identities.fixed(identity.public),
    locators: [MIRROR],
    fetchBytes,
    save: async (kept) => saved.push(kept),
    saveRevocations: async (kept) => lists.push(kept),
    ...options,
  });
  return { finder, publish, publishList, mirrors, saved, learned, lists, discoverySecret, identity };
}

/** Those to dial, in their order. */
export const ports = (finder) => finder.endpoints().map((each) => each.port);
