// Every parser of static/js/protocol by name, for whoever feeds them: bytes in; out come the bytes of what was read, or
// null where one thing has several spellings; or a PeerError. The twin of tests/protocol/parsers.py.

import assert from "node:assert/strict";

import { concat, toHex, utf8 } from "../../../static/js/bytes.js";
import { parsePayload } from "../../../static/js/chat/payload.js";
import { encodeAttachments, parseAttachments } from "../../../static/js/protocol/attachment.js";
import { AuthenticatedData } from "../../../static/js/protocol/authenticated_data.js";
import * as bodies from "../../../static/js/protocol/bodies.js";
import { SealedConnectionFile } from "../../../static/js/protocol/connection_file.js";
import { ConnectionInfo } from "../../../static/js/protocol/connection_info.js";
import { LeafIdentity, openRootBlob } from "../../../static/js/protocol/credential.js";
import * as encoding from "../../../static/js/protocol/encoding.js";
import { Malformed, PeerError } from "../../../static/js/protocol/errors.js";
import { ExternalCommit } from "../../../static/js/protocol/external_commit.js";
import { Direction, FrameHeader, FrameKeys, openFrame } from "../../../static/js/protocol/frame.js";
import { findGate, Gate } from "../../../static/js/protocol/gate.js";
import * as records from "../../../static/js/protocol/handshake_messages.js";
import { Invite, SCHEME } from "../../../static/js/protocol/invite.js";
import { gateKey, keyId } from "../../../static/js/protocol/key_schedule.js";
import * as keys from "../../../static/js/protocol/keys.js";
import * as limits from "../../../static/js/protocol/limits.js";
import { MessageHeader } from "../../../static/js/protocol/message_header.js";
import { checkAnswer, checkNotice, checkRequest, OPERATIONS } from "../../../static/js/protocol/operations.js";
import { unpad } from "../../../static/js/protocol/padding.js";
import { parseClientName, ServerParameters } from "../../../static/js/protocol/parameters.js";
import { parsePlace } from "../../../static/js/protocol/places.js";
import { sha256 } from "../../../static/js/protocol/primitives.js";
import { parseRekey } from "../../../static/js/protocol/rekey.js";
import { RevocationList, SealedRevocationList } from "../../../static/js/protocol/revocation_list.js";
import { SuccessorStatement } from "../../../static/js/protocol/succession.js";
import { SUITE_X25519, SUITES } from "../../../static/js/protocol/suites.js";
import { joinWraps, openWrap, WRAP_BYTES } from "../../../static/js/protocol/wraps.js";

const from = (first, size = 32) => Uint8Array.from({ length: size }, (_, index) => first + index);
const IDENTITY = new keys.IdentityKey(from(0));
const SECRET = new keys.DiscoverySecret(from(32));
const PSK = new keys.PreSharedKey(from(64));
const RECOVERY = new keys.RecoveryKey(from(96));
const GATE = new Gate(gateKey(SECRET), IDENTITY);
const FRAME_KEYS = new FrameKeys(from(0), from(0, 12), new Uint8Array(16), Direction.CLIENT_TO_SERVER, 0);
const text = encoding.parseText;

/** A class with `parse` and `encode`. */
const body = (kind) => (data) => kind.parse(data).encode();
/** What there is no writing of. */
const only = (parse) => async (data) => (await parse(data), null);
/** What has several spellings: written by us and read anew it is written the same. */
const again =
  (parse, encode = (found) => found.encode()) =>
  async (data) => {
    const written = await encode(await parse(data));
    assert.equal(toHex(await encode(await parse(written))), toHex(written));
    return null;
  };

function inviteOf(data) {
  return Invite.parse(SCHEME + encoding.encodeBase64url(concat(data, sha256(data).subarray(0, 4))));
}

async function sealedFrame(data) {
  const reader = new encoding.Reader(data);
  const [kind, time] = [reader.take(1), reader.take(8)];
  const clear = concat(Uint8Array.of(1), new Uint8Array(16), time, kind, FRAME_KEYS.iv(0));
  const sealed = await FRAME_KEYS.seal(0, clear, reader.rest());
  await openFrame(FRAME_KEYS, 0, concat(clear, sealed), limits.FRAME_CEILING_BYTES);
}

function asked(data, check) {
  const exchange = bodies.parseExchange(data);
  check(exchange.body);
  return exchange.encode();
}

/** A server's answer, behind the name of the operation it answers and its length. */
function answer(data) {
  const reader = new encoding.Reader(data);
  const name = encoding.parseText(reader.take(reader.u8()));
  const exchange = bodies.parseExchange(reader.rest());
  if (!Object.hasOwn(OPERATIONS, name) || !(exchange instanceof bodies.Response)) throw new Malformed("no answer of ours");
  checkAnswer(name, exchange.body);
  return concat(Uint8Array.of(utf8(name).length), utf8(name), exchange.encode());
}

async function wraps(data) {
  await openWrap(data, keyId(SECRET), [PSK]);
  const entries = Array.from({ length: data.length / WRAP_BYTES }, (_, at) =>
    data.subarray(at * WRAP_BYTES, (at + 1) * WRAP_BYTES),
  );
  return joinWraps(entries);
}

/** Nothing, when it is there; what is nobody's counts as refused here. */
const found = (value, what) => {
  if (value === null) throw new Malformed(what);
};

export const PARSERS = {
  gate: only((data) => found(findGate(data, [GATE]), "a stranger")),
  H1: (data) =>
    records.encodeRecord(records.HELLO, concat(records.ClientHello.parse(data).encode(), data.subarray(-16))),
  H2(data) {
    const { clearRecord, sealed } = records.ServerHello.parse(data, SUITES);
    return records.ServerHello.encode(clearRecord, sealed);
  },
  H3: (data) => records.encodeRecord(records.CLIENT_AUTH, records.parseRecord(records.CLIENT_AUTH, data)),
  "server proof"(data) {
    const [proof, signature] = records.ServerProof.parse(data);
    return concat(proof.encode(), signature);
  },
  "client proof"(data) {
    const [proof, binder, signature] = records.ClientProof.parse(data);
    return concat(proof.encode(), binder, signature);
  },
  "server parameters": again((data) => ServerParameters.parse(data)),
  "client name": only(parseClientName),
  frame: only((data) => openFrame(FRAME_KEYS, 0, data, limits.DEFAULT_MAX_FRAME_BYTES)),
  "sealed frame": only(sealedFrame),
  "frame header": only((data) => FrameHeader.parse(data)),
  padding: only(unpad),
  rekey: (data) => parseRekey(data).encode(),
  "rekey suite 1": (data) => parseRekey(data, SUITE_X25519).encode(),
  "chat send": body(bodies.ChatSend),
  "chat delivery": body(bodies.ChatDelivery),
  "file chunk": body(bodies.FileChunk),
  signal: body(bodies.SealedSignal),
  presence: body(bodies.PresenceBody),
  error: body(bodies.ErrorBody),
  "close notify": body(bodies.CloseNotify),
  ack: body(bodies.Ack),
  ping: bodies.parsePing,
  exchange: (data) => bodies.parseExchange(data).encode(),
  request: (data) => asked(data, checkRequest),
  notice: (data) => asked(data, checkNotice),
  answer,
  invite: again(
    (data) => Invite.parse(text(data)),
    (invite) => utf8(invite.encode()),
  ),
  "invite body": (data) => encoding.parseBase64url(inviteOf(data).encode().slice(SCHEME.length)).slice(0, -4),
  "connection file": again(
    (data) => SealedConnectionFile.parse(data),
    (file) => file.encode(1),
  ),
  "connection info": only((data) => ConnectionInfo.parse(data, IDENTITY.public)),
  "sealed revocations": again(
    (data) => SealedRevocationList.parse(data),
    (list) => list.encode(1),
  ),
  revocations: again((data) => RevocationList.parse(data)),
  wraps,
  place: only((data) => found(parsePlace(text(data)), "no place")),
  succession: body(SuccessorStatement),
  identity: body(LeafIdentity),
  "root blob": only((data) => openRootBlob(data, RECOVERY)),
  pin: (data) => keys.IdentityPublic.fromBytes(data).bytes,
  payload: only(parsePayload),
  attachments: again(
    (data) => parseAttachments(encoding.parseCbor(data)),
    (found) => encoding.encodeCbor(encodeAttachments(found)),
  ),
  "message header": only((data) => assert.equal(MessageHeader.parse(data).messageId.length, 16)),
  "external commit": only((data) => ExternalCommit.parse(data)),
  "authenticated data": body(AuthenticatedData),
  tlvs: (data) => encoding.encodeTlvs(encoding.parseTlvs(data)),
  cbor: (data) => encoding.encodeCbor(encoding.parseCbor(data)),
  json: only((data) => encoding.parseJson(data, limits.CONNECTION_FILE_MAX_BYTES)),
  text: (data) => utf8(text(data)),
  base64: (data) => utf8(encoding.encodeBase64(encoding.parseBase64(text(data)))),
  base64url: (data) => utf8(encoding.encodeBase64url(encoding.parseBase64url(text(data)))),
};

/** `ok`, or the code of the refusal; anything but a PeerError goes through, and is a mistake of ours. */
export async function verdict(name, data) {
  let written;
  try {
    written = await PARSERS[name](data);
  } catch (error) {
    if (error instanceof PeerError) return error.code;
    throw error;
  }
  if (written !== null) assert.equal(toHex(written), toHex(data));
  return "ok";
}
