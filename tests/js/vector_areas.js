// What each area of tests/vectors runs: from a case's input to its output, bytes still as bytes. See its README.

import { fromHex, toHex, utf8 } from "../../static/js/bytes.js";
import { _Epochs } from "../../static/js/protocol/_epochs.js";
import { AuthenticatedData } from "../../static/js/protocol/authenticated_data.js";
import * as bodies from "../../static/js/protocol/bodies.js";
import { checkFreshness, SealedConnectionFile } from "../../static/js/protocol/connection_file.js";
import { Endpoint } from "../../static/js/protocol/connection_info.js";
import * as choice from "../../static/js/protocol/endpoint_choice.js";
import { LeafIdentity, openRootBlob } from "../../static/js/protocol/credential.js";
import { encodeTlvs, parseTlvs } from "../../static/js/protocol/encoding.js";
import { Unauthentic } from "../../static/js/protocol/errors.js";
import { ExternalCommit } from "../../static/js/protocol/external_commit.js";
import { FrameKeys, openFrame, sealFrame } from "../../static/js/protocol/frame.js";
import {
  ClientHandshake,
  findGate,
  Gate,
  ServerHandshake,
  ServerParameters,
} from "../../static/js/protocol/handshake.js";
import { Invite } from "../../static/js/protocol/invite.js";
import { deriveSessionKeys, EpochKeys, expandLabel, gateKey, keyId } from "../../static/js/protocol/key_schedule.js";
import {
  DecapsulationKey,
  DeviceKey,
  DevicePublic,
  DiscoverySecret,
  ExchangePublic,
  ExchangeSecret,
  IdentityKey,
  IdentityPublic,
  PreSharedKey,
  RecoveryKey,
} from "../../static/js/protocol/keys.js";
import { MessageHeader } from "../../static/js/protocol/message_header.js";
import { pad, unpad } from "../../static/js/protocol/padding.js";
import { encodeClientName, parseClientName } from "../../static/js/protocol/parameters.js";
import { LIST_NAME, MegaFolder, parsePlace, WebPlace } from "../../static/js/protocol/places.js";
import { ClientRekey, ServerRekey } from "../../static/js/protocol/rekey.js";
import {
  checkIdentityRevocation,
  Revoked,
  revokedId,
  SealedRevocationList,
} from "../../static/js/protocol/revocation_list.js";
import { Role } from "../../static/js/protocol/session.js";
import { signSuccession, SuccessorStatement } from "../../static/js/protocol/succession.js";
import { makeWrap, openWrap } from "../../static/js/protocol/wraps.js";
import { attachment } from "./attachment_area.js";
import { operations } from "./operation_area.js";
import { signal } from "./signal_area.js";
import { runPrimitives } from "./primitive_area.js";

const same = (made, given, what) => {
  if (toHex(made) !== toHex(given)) throw new Error(`${what} does not come back the same`);
};

export const AREAS = {
  primitives: runPrimitives,

  derive_session_keys({ dh_secret, server_public, client_public }) {
    const [server, client] = [server_public, client_public].map((each) => ExchangePublic.fromBytes(fromHex(each)));
    const { encryptionKey, macKey, ivKey, nextKeySeed } = deriveSessionKeys(fromHex(dh_secret), server, client);
    return { encryption_key: encryptionKey, mac_key: macKey, iv_key: ivKey, next_key_seed: nextKeySeed };
  },

  expand_label({ key, label, context, length }) {
    return { bytes: expandLabel(fromHex(key), label, fromHex(context), length) };
  },

  gate({ record, gates }) {
    const all = gates.map(gateOf);
    const found = findGate(fromHex(record), all);
    if (found === null) throw new Unauthentic("no gate fits");
    return { gate: all.indexOf(found) };
  },

  attachment,

  signal,

  operations,

  handshake,

  rekey,

  async frame({ key, iv, session_id, direction, epoch, counter, max_frame_bytes, frame }) {
    const keys = new FrameKeys(fromHex(key), fromHex(iv), fromHex(session_id), direction, epoch);
    const opened = await openFrame(keys, counter, fromHex(frame), max_frame_bytes);
    const canonical = toHex(await sealFrame(keys, counter, opened, max_frame_bytes)) === frame;
    const { type, messageId, timestampMs, payload } = opened;
    return { type, message_id: messageId, timestamp_ms: timestampMs, payload, canonical };
  },

  padding({ padded }) {
    const payload = unpad(fromHex(padded));
    return { payload, canonical: toHex(pad(payload)) === padded };
  },

  invite({ text }) {
    const { discoverySecret, serverPublic, inviteId, invitePsk, expires, locators, extensions } = Invite.parse(text);
    const secrets = { discovery_secret: discoverySecret?.bytes ?? null, invite_psk: invitePsk.bytes };
    const code = Invite.parse(text).encode();
    return { ...secrets, server_public: serverPublic.bytes, invite_id: inviteId, expires, locators, extensions, code };
  },

  async connection_file({ file, secrets, pins, last_serial, last_digest, now }) {
    const info = await SealedConnectionFile.parse(utf8(file)).open(...heldOf(secrets, pins));
    checkFreshness(info, { lastSerial: last_serial, lastDigest: fromHex(last_digest), now });
    return {
      ...Object.fromEntries(
        [
          "serial",
          "serverId",
          "serverName",
          "validFrom",
          "validUntil",
          "nextRotation",
          "graceSeconds",
          "minimumClient",
          "urls",
          "digest",
        ].map((name) => [snake(name), info[name]]),
      ),
      server_public: info.serverPublic.bytes,
      audit_head: info.auditHead && snaked(info.auditHead),
      revocations: info.revocations && snaked(info.revocations),
      endpoints: info.endpoints.map((each) => ({ ...snaked(each), url: each.url, is_dialable: each.isDialable })),
    };
  },

  async wraps({ wraps, kid, psks }) {
    const held = psks.map((each) => new PreSharedKey(fromHex(each)));
    const secret = await openWrap(fromHex(wraps), fromHex(kid), held);
    return { discovery_secret: secret.bytes, entries: await Promise.all(held.map((psk) => makeWrap(psk, secret))) };
  },

  async revocation_list({ list, secrets, pins, entry, identity }) {
    if (entry !== undefined) {
      const ours = new IdentityPublic(fromHex(identity));
      return { id: revokedId(ours.bytes), counts: checkIdentityRevocation(Revoked.fromMembers(entry), ours) };
    }
    const opened = await SealedRevocationList.parse(utf8(list)).open(...heldOf(secrets, pins));
    const { serial, issued, entries } = opened;
    return { serial, issued, entries: entries.map(snaked), encoded: new TextDecoder().decode(opened.encode()) };
  },

  succession({ statement: data, pins, now, seeds }) {
    const statement = SuccessorStatement.parse(fromHex(data));
    statement.check(pins.map((pin) => new IdentityPublic(fromHex(pin))), now);
    const [old, successor] = seeds.map((seed) => new IdentityKey(fromHex(seed)));
    const { begins, until } = statement;
    const signed = signSuccession(old, successor, begins, until).encode();
    return { old: statement.old.bytes, new: statement.new.bytes, begins, until, signed };
  },

  places({ url }) {
    const place = parsePlace(url);
    if (place instanceof WebPlace) return { kind: "web", host: place.host, list: place.beside(LIST_NAME) };
    if (!(place instanceof MegaFolder)) return { kind: "none" };
    const { host, handle, key, gateway } = place;
    return { kind: "mega", host, handle, key, gateway };
  },

  tlv({ data }) {
    const values = parseTlvs(fromHex(data));
    same(encodeTlvs(values), fromHex(data), "the TLVs");
    return { values };
  },

  parameters({ side, data }) {
    if (side === "client") {
      const name = parseClientName(fromHex(data));
      return { client_name: name, canonical: toHex(encodeClientName(name)) === data };
    }
    const read = ServerParameters.parse(fromHex(data));
    const { maxFrameBytes, idleSeconds, minimumClient, softLimits, hardLimits } = read;
    const listed = ({ seconds, bytes, frames }) => [seconds, bytes, frames];
    const plain = { max_frame_bytes: maxFrameBytes, idle_seconds: idleSeconds, minimum_client: minimumClient };
    const limits = { soft_limits: listed(softLimits), hard_limits: listed(hardLimits) };
    return { ...plain, ...limits, canonical: toHex(read.encode()) === data };
  },

  bodies({ body, data }) {
    const types = {
      chat_send: "ChatSend",
      chat_delivery: "ChatDelivery",
      file_chunk: "FileChunk",
      presence: "PresenceBody",
      error: "ErrorBody",
      close_notify: "CloseNotify",
      ack: "Ack",
    };
    if (body === "ping") return { data: bodies.parsePing(fromHex(data)) };
    const read = body === "exchange" ? bodies.parseExchange(fromHex(data)) : bodies[types[body]].parse(fromHex(data));
    same(read.encode(), fromHex(data), body);
    if (body === "exchange") return { kind: read.constructor.name.toLowerCase(), id: read.id, body: marked(read.body) };
    return snaked(read);
  },

  message_header({ data }) {
    const header = MessageHeader.parse(fromHex(data));
    return { ...snaked(header), message_id: header.messageId };
  },

  authenticated_data({ data }) {
    const read = AuthenticatedData.parse(fromHex(data));
    same(read.encode(), fromHex(data), "the authenticated data");
    return snaked(read);
  },

  external_commit({ data }) {
    return snaked(ExternalCommit.parse(fromHex(data)));
  },

  async credential({ identity, device_public, root_blob, recovery_key }) {
    if (root_blob !== undefined) {
      const recovery = RecoveryKey.fromBytes(fromHex(recovery_key));
      return { root_seed: (await openRootBlob(fromHex(root_blob), recovery)).bytes };
    }
    const read = LeafIdentity.parse(fromHex(identity));
    read.verify(DevicePublic.fromBytes(fromHex(device_public)));
    same(read.encode(), fromHex(identity), "the identity");
    const { signature, rootPublic, ...members } = read;
    return { ...snaked(members), root_public: rootPublic.bytes };
  },

  endpoint_choice({ question, endpoints = [], times = {}, ...given }) {
    const listed = endpoints.map((each) => Endpoint.fromMembers(each));
    const known = new Map(Object.entries(times));
    const answers = {
      order: ({ now, draws, slow, region }) => {
        const ordered = choice.orderEndpoints(listed, { now, draws, slow: new Set(slow), region });
        return { order: ordered.map(choice.placeOf) };
      },
      stay: ({ own }) => {
        const [{ url }, info] = [Endpoint.fromMembers(own), { endpoints: listed }];
        const better = choice.betterEndpoints(url, info).map(choice.placeOf);
        return { content: choice.isContent(url, info), better };
      },
      when: ({ left, draw, grace }) => ({
        pause: choice.movePause(left, draw),
        look: choice.lookAt(listed[0], grace, draw),
      }),
      remember: ({ milliseconds, now }) => {
        const kept = choice.rememberTime(known, listed[0], milliseconds, now);
        return { times: [...kept].map(([place, each]) => [place, ...each]) };
      },
      slow: ({ now }) => ({ slow: [...choice.slowPlaces(listed, known, now)].sort() }),
    };
    return answers[question](given);
  },
};

function gateOf({ discovery_secret, identity_seed }) {
  const secret = new DiscoverySecret(fromHex(discovery_secret));
  return new Gate(gateKey(secret), new IdentityKey(fromHex(identity_seed)));
}

async function handshake({ receives, keys, H1, H2, H3, AUTH_OK }) {
  const secret = (name, Type) => new Type(fromHex(keys[name]));
  const [device, psk, kem] = [
    secret("device_seed", DeviceKey),
    secret("psk", PreSharedKey),
    secret("mlkem_seed", DecapsulationKey),
  ];
  const [ours, theirs] = [secret("client_eph_private", ExchangeSecret), secret("server_eph_private", ExchangeSecret)];
  const gate = gateOf({ discovery_secret: keys.discovery_secret, identity_seed: keys.server_identity_seed });
  const sign = async (message) => device.sign(message);
  const client = new ClientHandshake(
    gate.serverPublic,
    gate.gateKey,
    fromHex(keys.psk_id),
    psk,
    device.public,
    sign,
    keys.client_name,
    keys.suites,
  );
  const parameters = ServerParameters.parse(fromHex(keys.params));
  const server = new ServerHandshake(gate, keys.server_id, parameters, keys.pq_required ?? true);
  const hello = () => client._hello(fromHex(keys.client_random), ours, keys.suites.includes(2) ? kem : null);
  const receiveHello = () => {
    const encapsulate = (key) => {
      key.encapsulate(); // The library judges the key; its ciphertext is another each time, so the case brings one.
      return [kem.decapsulate(fromHex(keys.mlkem_ciphertext)), fromHex(keys.mlkem_ciphertext)];
    };
    const [random, id] = [fromHex(keys.server_random), fromHex(keys.session_id)];
    return server._receiveHello(fromHex(H1), keys.server_time_ms, random, id, theirs, encapsulate);
  };
  const receiveServerHello = async () => (hello(), client.receiveServerHello(fromHex(H2), keys.client_time_ms));
  const steps = {
    H1: async () => ({ H2: await receiveHello() }),
    H2: async () => {
      const answer = await receiveServerHello();
      const { maxFrameBytes, minimumClient } = client.serverParameters;
      const seen = { server_id: client.serverId, clock_offset_ms: client.clockOffsetMs };
      return { H3: answer, ...seen, max_frame_bytes: maxFrameBytes, minimum_client: minimumClient };
    },
    H3: async () => {
      await receiveHello();
      const auth = await server.receiveClientAuth(fromHex(H3));
      server.verify(psk, device.public);
      const { pskId, devicePublic, clientTimeMs, clientName } = auth;
      const who = {
        psk_id: pskId,
        device_public: devicePublic.bytes,
        client_time_ms: clientTimeMs,
        client_name: clientName,
      };
      return { ...who, exporter: server.exporter };
    },
    AUTH_OK: async () => {
      await receiveServerHello();
      const session = await client.receiveFinished(fromHex(AUTH_OK));
      return { tlvs: client.finishedTlvs, exporter: session.exporter, session_id: session.sessionId };
    },
  };
  return steps[receives]();
}

async function rekey({ receives, keys, INIT, RESP, DONE }) {
  const secret = (name, Type) => new Type(fromHex(keys[name]));
  const [device, identity] = [secret("device_seed", DeviceKey), secret("server_identity_seed", IdentityKey)];
  const kem = keys.suite === 1 ? null : secret("mlkem_seed", DecapsulationKey);
  if (receives === "RESP") {
    const { session, epochs } = sessionBefore(Role.CLIENT, keys);
    const client = new ClientRekey(session, identity.public, async (message) => device.sign(message), 0);
    same(await client._init(100, secret("client_eph_private", ExchangeSecret), kem), fromHex(INIT), "INIT");
    return { DONE: client.receive(fromHex(RESP), 101), epoch_keys: keysOf(epochs.next) };
  }
  const { session, epochs } = sessionBefore(Role.SERVER, keys);
  const server = new ServerRekey(session, device.public, (message) => identity.sign(message), 0);
  const encapsulate = (key) => {
    key.encapsulate(); // The library judges the key; its ciphertext is another each time, so the case brings one.
    return [kem.decapsulate(fromHex(keys.mlkem_ciphertext)), fromHex(keys.mlkem_ciphertext)];
  };
  const answer = server._receive(fromHex(INIT), 100, secret("server_eph_private", ExchangeSecret), encapsulate);
  if (receives === "INIT") return { RESP: answer, epoch_keys: keysOf(epochs.next) };
  same(answer, fromHex(RESP), "RESP");
  epochs.switchSending();
  if (server.receive(fromHex(DONE), 101) !== null) throw new Error("an answer to DONE");
  return { epoch: session.epoch };
}

/** The epochs of a session that is about to begin the one of the case, and the session's face to a rekey. */
function sessionBefore(role, keys) {
  const others = [32, 12, 32, 12, 32, 32, 32].map((size) => new Uint8Array(size));
  const before = new EpochKeys(...others, fromHex(keys.next_key_seed));
  const epochs = new _Epochs(role === Role.CLIENT, fromHex(keys.session_id), before, keys.epoch - 1);
  const session = {
    role,
    suite: keys.suite ?? 2,
    sessionId: fromHex(keys.session_id),
    get epoch() {
      return epochs.reached;
    },
    prepareEpoch: (...values) => epochs.prepare(...values),
    switchReceiving: () => epochs.switchReceiving(),
  };
  return { session, epochs };
}

function keysOf({ clientKey, clientIv, serverKey, serverIv, serverFinished, clientFinished, exporter, nextKeySeed }) {
  return snaked({ clientKey, clientIv, serverKey, serverIv, serverFinished, clientFinished, exporter, nextKeySeed });
}

/** What a reader of published objects holds: secrets by kid, and pins. */
function heldOf(secrets, pins) {
  const held = secrets.map((each) => new DiscoverySecret(fromHex(each)));
  const byKid = new Map(held.map((secret) => [toHex(keyId(secret)), secret]));
  return [byKid, pins.map((each) => new IdentityPublic(fromHex(each)))];
}

/** `camelCase` as the files have it. */
function snake(name) {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function snaked(members) {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [snake(name), value]));
}

/** A map of CBOR with its byte strings marked, since JSON has none. */
function marked(value) {
  if (value instanceof Uint8Array) return { hex: toHex(value) };
  if (Array.isArray(value)) return value.map(marked);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, marked(item)]));
}
