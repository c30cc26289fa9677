// The inner part of connection_info.js: one chat port of a connection file. Spec: 3.8

import { flag, integer, number, text } from "./_members.js";
import { parseBase64url } from "./encoding.js";
import { Malformed } from "./errors.js";
import { LOOPBACK_NAMES } from "./places.js";

// Names and addresses only: a host ends up in a URL, where a slash or an @ would lead elsewhere.
const HOST = /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,252}|(?=[^:]*:[^:]*:)[0-9A-Fa-f:.]{2,45})$/;
const PATH = /^\/[A-Za-z0-9_-]{22}$/;

/**
 * One chat port. Units: seconds since 1970; load 0 (idle) and up. The path has its slash: `/` and 22 characters.
 * Retiring: a listed successor takes its place. Fixed: it never moves, for networks that let no other port through.
 */
export class Endpoint {
  /** @param {{host: string, port: number, path: string, tls: boolean, validFrom: number, validUntil: number,
   *          load?: number, region?: string, retiring?: boolean, fixed?: boolean}} fields */
  constructor({ load = 0, region = "", retiring = false, fixed = false, ...where }) {
    const { host, port, path, tls, validFrom, validUntil } = where;
    Object.assign(this, { host, port, path, tls, validFrom, validUntil, load, region, retiring, fixed });
    Object.freeze(this);
  }

  /** What a WebSocket client dials. */
  get url() {
    const host = this.host.includes(":") ? `[${this.host}]` : this.host;
    return `${this.tls ? "wss" : "ws"}://${host}:${this.port}${this.path}`;
  }

  /** Whether a client may dial it: without TLS only on this very machine. Spec: 3.13 */
  get isDialable() {
    return this.tls || LOOPBACK_NAMES.includes(this.host);
  }

  /** As it stands in the file. */
  toMembers() {
    const { validFrom: from, validUntil: until, host, port, path, tls, load, region, retiring, fixed } = this;
    return { host, port, path, tls, from, until, load, region, retiring, fixed };
  }

  /** The endpoint these members of a file describe. Raises: malformed. */
  static fromMembers(members) {
    const [host, port] = [text(members, "host"), integer(members, "port")];
    const [path, tls] = [text(members, "path"), flag(members, "tls", true)];
    if (!HOST.test(host) || port < 1 || port > 65_535) throw new Malformed("endpoint with a host or port that is none");
    if (!PATH.test(path)) throw new Malformed("endpoint with a path that is none");
    parseBase64url(path.slice(1));
    const [validFrom, validUntil] = [integer(members, "from"), integer(members, "until")];
    const [load, region] = [number(members, "load"), text(members, "region", "")];
    const [retiring, fixed] = [flag(members, "retiring", false), flag(members, "fixed", false)];
    return new Endpoint({ host, port, path, tls, validFrom, validUntil, load, region, retiring, fixed });
  }
}
