/**
 * The operations of 0x12 as data: which members each request and its answer have, of which type and size.
 *
 * `String(kind)` is the notation of the document's table, which a test holds against this one.
 * Spec: 3.14
 */

import { Bool, Bytes, Exactly, Many, Member, Members, Text, Uint } from "./_kinds.js";
import { Malformed, UsageError } from "./errors.js";
import { STAGE_CHUNK_BYTES, SUCCESSION_BYTES } from "./limits.js";

export { Bool, Bytes, Exactly, Kind, Many, Member, Members, Text, Uint } from "./_kinds.js";

/** One operation: its name, what a request for it holds beside `op`, and what its answer holds. */
export class Operation {
  /** @param {string} name @param {Members} body @param {Members} answer */
  constructor(name, body, answer) {
    this.name = name;
    this.body = body;
    this.answer = answer;
  }

  /** The members of a request, without `op`. */
  get members() {
    return this.body.members;
  }
}

const UINT = new Uint();
const BOOL = new Bool();
const ID = new Exactly(16);
const DIGEST = new Exactly(32);
const PACKAGE = new Bytes(4096);
// A leaf identity. Spec: 4.4
const IDENTITY = new Exactly(146);
// A voucher's public key and its proof for this device. Spec: 4.9
const VOUCHER = new Exactly(96);

const required = (kinds) => Object.entries(kinds).map(([name, kind]) => new Member(name, kind));
const optional = (kinds) => Object.entries(kinds).map(([name, kind]) => new Member(name, kind, false));
const items = (kinds, limit) => new Many(new Members(required(kinds)), limit);

const DEVICES_OF_A_MEMBER = items({ device_id: ID, device_public: DIGEST, identity: IDENTITY });

const operation = (name, [asked, answered]) =>
  Object.freeze(new Operation(name, new Members(asked), new Members(answered)));
const table = (rows) =>
  Object.freeze(Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, operation(name, row)])));

/** Requests of clients: what is asked, what is answered. */
export const OPERATIONS = table({
  "account.set": [
    [...required({ identity: IDENTITY }), ...optional({ root_blob: new Exactly(77) })],
    required({ user_id: ID }),
  ],
  "name.set": [required({ name: new Text(128) }), []],
  directory: [
    optional({ after: ID }),
    required({
      members: items({ user_id: ID, root_public: DIGEST, name: new Text(), devices: DEVICES_OF_A_MEMBER }, 100),
      more: BOOL,
    }),
  ],
  "invite.create": [
    optional({ label: new Text(128), lifetime: UINT }),
    required({ invite: new Text(), url: new Text(), expires: UINT }),
  ],
  "device.list": [
    [],
    required({
      devices: items({ device_id: ID, device_public: DIGEST, kind: UINT, created: UINT, last_seen: UINT, this: BOOL }),
    }),
  ],
  "device.revoke": [required({ device_id: ID }), []],
  psk_renew: [[], []],
  "file.create": [required({ file: ID, room: ID, size: UINT }), required({ have: UINT })],
  "file.read": [required({ file: ID, room: ID, index: UINT, count: UINT }), required({ size: UINT })],
  "file.drop": [required({ file: ID, room: ID }), []],
  "packages.put": [
    [...required({ packages: new Many(PACKAGE, 50) }), ...optional({ last_resort: PACKAGE })],
    required({ left: UINT }),
  ],
  "packages.take": [
    required({ devices: new Many(ID, 16) }),
    required({ packages: items({ device: ID, package: PACKAGE }, 16), missing: new Many(ID, 16) }),
  ],
  "room.create": [required({ room: ID, scheme: UINT }), required({ epoch: UINT })],
  "room.stage": [
    required({ digest: DIGEST, size: UINT, offset: UINT, bytes: new Bytes(STAGE_CHUNK_BYTES) }),
    required({ have: UINT }),
  ],
  "room.commit": [
    [
      ...required({ room: ID, epoch: UINT, message_id: ID, commit: DIGEST }),
      ...required({ added: new Many(ID, 256), removed: new Many(ID, 256) }),
      ...optional({ welcome: DIGEST }),
      ...required({ group_info: DIGEST }),
    ],
    required({ seq: UINT, epoch: UINT }),
  ],
  "room.resume": [
    required({ rooms: items({ room: ID, cursor: UINT }, 256) }),
    required({ rooms: items({ room: ID, head: UINT, epoch: UINT, cursor: UINT }, 256), gone: new Many(ID, 256) }),
  ],
  "room.read": [
    required({ room: ID, after: UINT, limit: UINT }),
    required({
      rows: items(
        { seq: UINT, kind: UINT, epoch: UINT, sender: ID, message_id: ID, time: UINT, bytes: new Bytes() },
        256,
      ),
    }),
  ],
  "room.list": [
    optional({ after: ID }),
    required({ rooms: items({ room: ID, scheme: UINT, epoch: UINT, here: BOOL }, 256), more: BOOL }),
  ],
  "room.reject": [required({ room: ID, seq: UINT, reason: new Text(32) }), []],
  "welcome.take": [
    optional({ done: new Many(UINT, 256) }),
    required({
      welcomes: items(
        {
          ...{ id: UINT, room: ID, seq: UINT, epoch: UINT, digest: DIGEST, size: UINT },
          ...{ group_info: DIGEST, group_info_size: UINT },
        },
        256,
      ),
    }),
  ],
  group_info: [
    [...required({ room: ID }), ...optional({ n: UINT, voucher: VOUCHER })],
    required({ seq: UINT, epoch: UINT, digest: DIGEST, size: UINT, count: UINT }),
  ],
  "group_info.put": [required({ room: ID, epoch: UINT, group_info: DIGEST }), []],
  "room.fetch": [
    [...required({ room: ID, digest: DIGEST, offset: UINT }), ...optional({ voucher: VOUCHER })],
    required({ size: UINT, bytes: new Bytes(STAGE_CHUNK_BYTES) }),
  ],
});

/** Requests of the server; the client answers with an empty map. */
export const NOTICES = table({
  welcome: [[], []],
  directory: [[], []],
  secret: [required({ kid: new Exactly(8), secret: new Exactly(32) }), []],
  psk_renew: [[], []],
  successor: [required({ statement: new Exactly(SUCCESSION_BYTES) }), []],
});

/** The name of the operation a client asks for. Raises: malformed, naming the member that is missing or wrong. */
export function checkRequest(body) {
  return check(OPERATIONS, body);
}

/**
 * Nothing, when a server may answer this operation so.
 * Raises: malformed, as `checkRequest`; usage (nobody asks for such an operation).
 */
export function checkAnswer(name, body) {
  if (!Object.hasOwn(OPERATIONS, name)) throw new UsageError(`${name} is no operation`);
  OPERATIONS[name].answer.check(body, "");
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
