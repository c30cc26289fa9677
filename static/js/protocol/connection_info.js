/**
 * What a connection file says once it is open: where the server is, for how long, and who it is.
 *
 * Spec: 3.8
 */

import { Endpoint } from "./_endpoint.js";
import { AuditHead, RevocationsHead } from "./_heads.js";
import { integer, integers, isObject, map, member, text, texts } from "./_members.js";
import { encodeBase64, encodeJson, parseBase64, parseJson } from "./encoding.js";
import { Malformed, UnsupportedVersion, UsageError } from "./errors.js";
import { IdentityPublic } from "./keys.js";
import { CLOCK_SKEW_SECONDS, CONNECTION_FILE_MAX_BYTES, MAX_ENDPOINTS } from "./limits.js";
import { sha256 } from "./primitives.js";

export { Endpoint } from "./_endpoint.js";
export { AuditHead, RevocationsHead } from "./_heads.js";

export const INNER_VERSION = "1.0";
export const PROTOCOL_NAME = "clawchat-secure-v1";
export const DEFAULT_CIPHERS = Object.freeze([
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
]);

/**
 * An open connection file. Units: seconds since 1970; serial grows with every publication.
 *
 * `urls` tell where the published file can be fetched; `minimumClient` is the oldest client version the server works
 * with, empty when it takes all; `auditHead` and `revocations` are null in files of servers that keep none; `digest` is
 * the SHA-256 of the inner JSON as it was read: two files of one serial must not differ in it.
 */
export class ConnectionInfo {
  constructor({
    serial,
    serverId,
    serverName,
    serverPublic,
    timestamp,
    validFrom,
    validUntil,
    nextRotation,
    graceSeconds,
    endpoints,
    urls = [],
    suites = [2],
    supportedCiphers = [...DEFAULT_CIPHERS],
    minimumClient = "",
    location = "",
    auditHead = null,
    revocations = null,
    digest = new Uint8Array(),
  }) {
    Object.assign(this, { serial, serverId, serverName, serverPublic, timestamp, validFrom, validUntil });
    Object.assign(this, { nextRotation, graceSeconds, endpoints, urls, suites, supportedCiphers });
    Object.assign(this, { minimumClient, location, auditHead, revocations, digest });
    Object.freeze(this);
  }

  /** Whether now lies within its validity, give or take a clock's error. */
  isCurrent(now) {
    return this.validFrom - CLOCK_SKEW_SECONDS <= now && now <= this.validUntil + CLOCK_SKEW_SECONDS;
  }

  /** The inner JSON, with the specification's names; the first endpoint is repeated at the top. */
  encode() {
    if (this.endpoints.length === 0) throw new UsageError("a connection file without endpoints");
    const [first] = this.endpoints;
    return encodeJson({
      version: INNER_VERSION,
      protocol: PROTOCOL_NAME,
      serial: this.serial,
      server_id: this.serverId,
      server_name: this.serverName,
      ip_address: first.host,
      port: first.port,
      path: first.path,
      tls: first.tls,
      public_key: encodeBase64(this.serverPublic.bytes),
      timestamp: this.timestamp,
      valid_from: this.validFrom,
      valid_until: this.validUntil,
      next_rotation: this.nextRotation,
      grace_period: this.graceSeconds,
      supported_ciphers: this.supportedCiphers,
      suites: this.suites,
      urls: this.urls,
      min_client: this.minimumClient,
      ...(this.auditHead === null ? {} : { audit_head: this.auditHead.toMembers() }),
      ...(this.revocations === null ? {} : { revocations: this.revocations.toMembers() }),
      endpoints: this.endpoints.map((endpoint) => endpoint.toMembers()),
      metadata: { location: this.location, region: first.region, load: first.load },
    });
  }

  /**
   * The information in an inner JSON that verifiedBy has signed; the plan's names are read too.
   *
   * Raises: malformed; too_large; unsupported_version.
   * @param {Uint8Array} data @param {IdentityPublic} verifiedBy
   */
  static parse(data, verifiedBy) {
    const members = parseJson(data, CONNECTION_FILE_MAX_BYTES);
    if (!isObject(members)) throw new Malformed("connection file without members");
    const isOurs = text(members, "protocol", PROTOCOL_NAME) === PROTOCOL_NAME;
    if (text(members, "version") !== INNER_VERSION || !isOurs) {
      throw new UnsupportedVersion("connection file of another version");
    }
    const metadata = map(members, "metadata") ?? {};
    const info = new ConnectionInfo({
      serial: integer(members, "serial"),
      serverId: text(members, "server_id"),
      serverName: text(members, "server_name", ""),
      serverPublic: parsePublicKey(members, verifiedBy),
      timestamp: integer(members, "timestamp"),
      validFrom: integer(members, "valid_from", member(members, "timestamp")),
      validUntil: integer(members, "valid_until"),
      nextRotation: integer(members, "next_rotation"),
      graceSeconds: integer(members, "grace_period", 0),
      endpoints: parseEndpoints(members, metadata),
      urls: texts(members, "urls", []),
      suites: integers(members, "suites", [2]),
      supportedCiphers: texts(members, "supported_ciphers", []),
      minimumClient: text(members, "min_client", ""),
      location: text(metadata, "location", ""),
      auditHead: optional(members, "audit_head", AuditHead),
      revocations: optional(members, "revocations", RevocationsHead),
      digest: sha256(data),
    });
    if (info.serial === 0 || info.validFrom > info.validUntil) {
      throw new Malformed("connection file without serial or validity");
    }
    return info;
  }
}

function optional(members, name, Head) {
  const found = map(members, name);
  return found && Head.fromMembers(found);
}

function parsePublicKey(members, verifiedBy) {
  if (!Object.hasOwn(members, "public_key")) return verifiedBy;
  return IdentityPublic.fromBytes(parseBase64(text(members, "public_key")));
}

function parseEndpoints(members, metadata) {
  const listed = member(members, "endpoints") ?? [topEndpoint(members, metadata)];
  if (!Array.isArray(listed) || listed.length < 1 || listed.length > MAX_ENDPOINTS) {
    throw new Malformed(`endpoints are not a list of 1 to ${MAX_ENDPOINTS}`);
  }
  if (!listed.every(isObject)) throw new Malformed("endpoint is not a map");
  return listed.map((each) => Endpoint.fromMembers(each));
}

/** A file with the specification's members alone names one endpoint at the top. */
function topEndpoint(members, metadata) {
  return {
    ...metadata,
    ...members,
    host: member(members, "ip_address", member(members, "ip")),
    from: member(members, "valid_from", member(members, "timestamp")),
    until: member(members, "valid_until"),
  };
}
