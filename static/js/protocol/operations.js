/**
 * The operations of 0x12 as data: which members each request has, of which type and size.
 *
 * `String(kind)` is the notation of the document's table, which a test holds against this one.
 * Spec: 3.14
 */

import { Bytes, Exactly, Many, Member, Members, Text, Uint } from "./_kinds.js";
import { Malformed } from "./errors.js";
import { STAGE_CHUNK_BYTES, SUCCESSION_BYTES } from "./limits.js";

export { Bytes, Exactly, Kind, Many, Member, Members, Text, Uint } from "./_kinds.js";

/** One operation: its name and what a request for it holds beside `op`. */
export class Operation {
  /** @param {string} name @param {Members} body */
  constructor(name, body) {
    this.name = name;
    this.body = body;
  }

  /** The members of a request, without `op`. */
  get members() {
    return this.body.members;
  }
}

const ID = new Exactly(16);
const DIGEST = new Exactly(32);
const PACKAGE = new Bytes(4096);
// A voucher's public key and its proof for this device. Spec: 4.9
const VOUCHER = new Exactly(96);
const UINT = new Uint();

const required = (name, kind) => new Member(name, kind);
const optional = (name, kind) => new Member(name, kind, false);
const table = (rows) =>
  Object.freeze(
    Object.fromEntries(
      Object.entries(rows).map(([name, members]) => [name, Object.freeze(new Operation(name, new Members(members)))]),
    ),
  );

/** Requests of clients. */
export const OPERATIONS = table({
  "account.set": [required("identity", new Exactly(146)), optional("root_blob", new Exactly(77))],
  "name.set": [required("name", new Text(128))],
  directory: [optional("after", ID)],
  "invite.create": [optional("label", new Text(128)), optional("lifetime", UINT)],
  "device.list": [],
  "device.revoke": [required("device_id", ID)],
  psk_renew: [],
  "file.create": [required("file", ID), required("room", ID), required("size", UINT)],
  "file.read": [required("file", ID), required("room", ID), required("index", UINT), required("count", UINT)],
  "file.drop": [required("file", ID), required("room", ID)],
  "packages.put": [required("packages", new Many(PACKAGE, 50)), optional("last_resort", PACKAGE)],
  "packages.take": [required("devices", new Many(ID, 16))],
  "room.create": [required("room", ID), required("scheme", UINT)],
  "room.stage": [
    required("digest", DIGEST),
    required("size", UINT),
    required("offset", UINT),
    required("bytes", new Bytes(STAGE_CHUNK_BYTES)),
  ],
  "room.commit": [
    required("room", ID),
    required("epoch", UINT),
    required("message_id", ID),
    required("commit", DIGEST),
    required("added", new Many(ID, 256)),
    required("removed", new Many(ID, 256)),
    optional("welcome", DIGEST),
    required("group_info", DIGEST),
  ],
  "room.resume": [required("rooms", new Many(new Members([required("room", ID), required("cursor", UINT)]), 256))],
  "room.read": [required("room", ID), required("after", UINT), required("limit", UINT)],
  "room.list": [optional("after", ID)],
  "room.reject": [required("room", ID), required("seq", UINT), required("reason", new Text(32))],
  "welcome.take": [optional("done", new Many(UINT, 256))],
  group_info: [required("room", ID), optional("n", UINT), optional("voucher", VOUCHER)],
  "group_info.put": [required("room", ID), required("epoch", UINT), required("group_info", DIGEST)],
  "room.fetch": [
    required("room", ID),
    required("digest", DIGEST),
    required("offset", UINT),
    optional("voucher", VOUCHER),
  ],
});

/** Requests of the server; the client answers with an empty map. */
export const NOTICES = table({
  welcome: [],
  directory: [],
  secret: [required("kid", new Exactly(8)), required("secret", new Exactly(32))],
  psk_renew: [],
  successor: [required("statement", new Exactly(SUCCESSION_BYTES))],
});

/** The name of the operation a client asks for. Raises: malformed, naming the member that is missing or wrong. */
export function checkRequest(body) {
  return check(OPERATIONS, body);
}

/** The name of the notice a server gives. Raises: malformed, as `checkRequest`. */
export function checkNotice(body) {
  return check(NOTICES, body);
}

function check(operations, body) {
  const name = Object.hasOwn(body, "op") ? body.op : null;
  if (typeof name !== "string" || !Object.hasOwn(operations, name)) throw new Malformed("op is no operation");
  operations[name].body.check(body, "");
  return name;
}
