// The areas of a session vector file: from each case's inputs, the values our code makes, by their names in the file.
//
// What the file gives as a random choice (randoms, times, ids) is taken out of its messages and put into the inner,
// deterministic forms of the machines; everything else has to come out the same, byte for byte.

import { concat, fromHex, toHex, utf8 } from "../../static/js/bytes.js";
import { _encryptConnectionFile, decryptConnectionFile } from "../../static/js/protocol/connection_file.js";
import { encodeBase64, encodeJson, parseBase64, parseText } from "../../static/js/protocol/encoding.js";
import { Direction, FrameHeader, FrameKeys, openFrame, sealFrame } from "../../static/js/protocol/frame.js";
import {
  ClientHandshake,
  findGate,
  Gate,
  ServerHandshake,
  ServerParameters,
} from "../../static/js/protocol/handshake.js";
import {
  CLIENT_AUTH,
  ClientHello,
  ClientProof,
  parseRecord,
  ServerHello,
  ServerProof,
} from "../../static/js/protocol/handshake_messages.js";
import {
  clientFinishedValue,
  connectionFileKey,
  deriveSessionKeys,
  gateKey,
  HandshakeKeys,
  nextEpoch,
  sessionSecret,
} from "../../static/js/protocol/key_schedule.js";
import {
  DecapsulationKey,
  DeviceKey,
  DiscoverySecret,
  ExchangePublic,
  ExchangeSecret,
  IdentityKey,
  PreSharedKey,
} from "../../static/js/protocol/keys.js";
import { FRAME_CEILING_BYTES } from "../../static/js/protocol/limits.js";
import { parseClientName } from "../../static/js/protocol/parameters.js";
import { aeadKey, aeadOpen, sha256 } from "../../static/js/protocol/primitives.js";
import { parseRekey, RekeyDone, RekeyInit, RekeyResponse } from "../../static/js/protocol/rekey.js";
import { SUITE_X25519, SUITE_X25519_MLKEM768 } from "../../static/js/protocol/suites.js";

/** Members of a case that only say what to start from. */
const INPUTS = {
  derive_session_keys: ["dh_secret", "server_public", "client_public"],
  connection_file: ["shared_secret", "iv"],
  handshake: [
    "discovery_secret",
    "psk",
    "server_identity_seed",
    "device_seed",
    "client_eph_private",
    "server_eph_private",
    "mlkem_seed",
  ],
  rekey: [
    "session_id",
    "epoch",
    "next_key_seed",
    "server_identity_seed",
    "device_seed",
    "client_eph_private",
    "server_eph_private",
    "mlkem_seed",
  ],
};

const AREAS = { derive_session_keys: sessionKeys, connection_file: connectionFile, handshake, rekey };

/**
 * Every comparison of one file: `[path, expected, made]`. Where our code refuses, knows nothing of that name, or makes
 * something the file does not have, one of the two is an error.
 */
export async function compareFile(areas) {
  const compared = [];
  for (const [area, content] of Object.entries(areas)) {
    const cases = Array.isArray(content)
      ? content.map((each, index) => [`${area}[${index}]`, each])
      : [[area, content]];
    if (cases.length === 0) compared.push([area, "a case", new Error("nothing to check")]);
    for (const [path, each] of cases) compared.push(...(await compareCase(area, path, each)));
  }
  return compared;
}

async function compareCase(area, path, given) {
  if (!Object.hasOwn(AREAS, area)) return [[path, "an area we know", new Error("unknown area")]];
  const made = new Map();
  let missing = new Error("unknown value");
  try {
    for await (const [name, value] of AREAS[area](given))
      made.set(name, value instanceof Uint8Array ? toHex(value) : value);
  } catch (error) {
    missing = error;
  }
  const expected = new Map(flatten(given).filter(([name]) => !INPUTS[area].includes(name)));
  const names = new Set([...expected.keys(), ...made.keys()]);
  if (names.size === 0) return [[path, "a value", missing]];
  return [...names].map((name) => [`${path}.${name}`, expected.get(name) ?? "nothing", made.get(name) ?? missing]);
}

function flatten(members, prefix = "") {
  return Object.entries(members).flatMap(([name, value]) =>
    typeof value === "object" && value !== null ? flatten(value, `${prefix}${name}.`) : [[prefix + name, value]],
  );
}

async function* sessionKeys({ dh_secret, server_public, client_public }) {
  const [server, client] = [server_public, client_public].map((each) => new ExchangePublic(fromHex(each)));
  yield* namedKeys(deriveSessionKeys(fromHex(dh_secret), server, client));
}

function namedKeys(keys, prefix = "") {
  return [
    [`${prefix}encryption_key`, keys.encryptionKey],
    [`${prefix}mac_key`, keys.macKey],
    [`${prefix}iv_key`, keys.ivKey],
    [`${prefix}next_key_seed`, keys.nextKeySeed],
  ];
}

async function* connectionFile({ shared_secret, iv, plaintext, ciphertext, tag }) {
  const secret = new DiscoverySecret(fromHex(shared_secret));
  yield ["file_key", connectionFileKey(secret)];
  const made = await _encryptConnectionFile(utf8(plaintext), secret, fromHex(iv));
  yield ["ciphertext", parseBase64(made.ciphertext)];
  yield ["tag", parseBase64(made.tag)];
  const given = { ...made, ciphertext: encodeBase64(fromHex(ciphertext)), tag: encodeBase64(fromHex(tag)) };
  yield ["plaintext", parseText(await decryptConnectionFile(encodeJson(given), secret))];
}

async function* handshake(given) {
  const secret = (name, Type) => new Type(fromHex(given[name]));
  const [psk, device] = [secret("psk", PreSharedKey), secret("device_seed", DeviceKey)];
  const [exchange, serverExchange] = ["client_eph_private", "server_eph_private"].map((name) =>
    secret(name, ExchangeSecret),
  );
  // The machines erase both secrets.
  const exchanged = [serverExchange.public, exchange.public];
  const gate = new Gate(
    gateKey(secret("discovery_secret", DiscoverySecret)),
    secret("server_identity_seed", IdentityKey),
  );
  yield ["gate_key", gate.gateKey.bytes];

  // A hello without suite 2 needs none.
  const decapsulation = given.mlkem_seed === undefined ? null : secret("mlkem_seed", DecapsulationKey);
  const [H1, H2, H3, finished] = ["H1", "H2", "H3", "finished_frame"].map((name) => fromHex(given[name]));
  const chosen = await openHandshake(H1, H2, H3, exchange, decapsulation);
  const { serverHello, serverProof, clientProof, keys, kemSecret } = chosen;
  yield ["suite", serverHello.suite];
  const { suites } = chosen.clientHello;
  if (given.suites !== undefined) yield* suites.map((suite, index) => [`suites.${index}`, suite]);
  yield ["handshake_secret", keys.handshakeSecret];
  yield ["session_id", serverHello.sessionId];

  const sign = async (message) => device.sign(message);
  const clientName = parseClientName(clientProof.params);
  const pskId = fromHex(given.psk_id);
  const [{ serverPublic }, offer] = [gate, [clientName, suites]];
  const client = new ClientHandshake(serverPublic, gate.gateKey, pskId, psk, device.public, sign, ...offer);
  const mlkem = suites.includes(SUITE_X25519_MLKEM768) ? decapsulation : null;
  const hello = client._hello(chosen.clientHello.random, exchange, mlkem);
  yield ["H1", hello];

  if (findGate(hello, [gate]) !== gate) throw new Error("the gate refuses H1");
  const [parameters, pqRequired] = [ServerParameters.parse(serverProof.params), serverHello.suite !== SUITE_X25519];
  const server = new ServerHandshake(gate, serverProof.serverId, parameters, pqRequired);
  const kem = () => [kemSecret, serverHello.ciphertext];
  const { random, sessionId } = serverHello;
  const answer = await server._receiveHello(hello, serverProof.serverTimeMs, random, sessionId, serverExchange, kem);
  yield ["H2", answer];

  const auth = await client.receiveServerHello(answer, clientProof.clientTimeMs);
  yield ["H3", auth];
  yield ["psk_id", (await server.receiveClientAuth(auth)).pskId];
  server.verify(psk, device.public);
  const th4 = sha256(hello, answer, auth);
  yield ["th4", th4];
  const epochSecret = sessionSecret(keys.mainSecret(psk), th4);
  yield* namedKeys(deriveSessionKeys(epochSecret, ...exchanged), "epoch0.");
  yield ["exporter", server.exporter];

  const session = await client.receiveFinished(finished);
  if (toHex(client.exporter) !== toHex(server.exporter)) throw new Error("two exporters");
  const { messageId, timestampMs } = FrameHeader.parse(finished);
  const [frame, serverSession] = await server.finish(client.finishedTlvs, messageId, timestampMs);
  yield ["finished_frame", frame];
  yield* frames(given, "c2s", session, serverSession);
  yield* frames(given, "s2c", serverSession, session);
}

/** The frames of one direction, in their order: opened by the receiver, sealed anew by the sender. */
async function* frames(given, direction, sender, receiver) {
  const numbers = Object.keys(given).map((name) =>
    Number(new RegExp(`^${direction}_frame_([0-9]+)$`).exec(name)?.[1] ?? NaN),
  );
  for (const number of numbers.filter(Number.isInteger).sort((left, right) => left - right)) {
    const name = `${direction}_frame_${number}`;
    const { type, payload, messageId, timestampMs } = await receiver.open(fromHex(given[name]));
    yield [name, await sender.seal(type, payload, messageId, timestampMs)];
  }
}

async function* rekey(given) {
  const secret = (name, Type) => new Type(fromHex(given[name]));
  const [device, identity] = [secret("device_seed", DeviceKey), secret("server_identity_seed", IdentityKey)];
  const [client, server] = ["client_eph_private", "server_eph_private"].map((name) => secret(name, ExchangeSecret));
  // A rekey keeps the session's suite, which the file tells by its ML-KEM seed.
  const decapsulation = given.mlkem_seed === undefined ? null : secret("mlkem_seed", DecapsulationKey);
  const suite = decapsulation === null ? SUITE_X25519 : SUITE_X25519_MLKEM768;
  const [sessionId, { epoch }] = [fromHex(given.session_id), given];

  const init = new RekeyInit(epoch, client.public, decapsulation?.public ?? null);
  const first = concat(init.encode(), device.sign(init.signed(sessionId)));
  yield ["INIT", first];
  device.public.verify(parseRekey(fromHex(given.INIT), suite).signature, init.signed(sessionId));
  const { ciphertext } = parseRekey(fromHex(given.RESP), suite);
  const response = new RekeyResponse(epoch, server.public, ciphertext);
  const second = concat(response.encode(), identity.sign(response.signed(sessionId, first)));
  yield ["RESP", second];
  const transcript = sha256(first, second);
  yield ["th_r", transcript];

  const kemSecret = decapsulation?.decapsulate(ciphertext) ?? new Uint8Array();
  const shared = concat(kemSecret, server.exchange(client.public));
  const seed = fromHex(given.next_key_seed);
  const keys = nextEpoch(seed, shared, transcript, epoch, server.public, client.public);
  for (const side of ["client", "server"]) {
    for (const part of ["Key", "Iv", "Finished"]) {
      yield [`epoch_keys.${side}_${part.toLowerCase()}`, keys[`${side}${part}`]];
    }
  }
  yield ["epoch_keys.exporter", keys.exporter];
  yield ["epoch_keys.next_key_seed", keys.nextKeySeed];
  yield ["DONE", new RekeyDone(clientFinishedValue(keys, transcript)).encode()];
  const ways = {
    c2s: new FrameKeys(keys.clientKey, keys.clientIv, sessionId, Direction.CLIENT_TO_SERVER, epoch),
    s2c: new FrameKeys(keys.serverKey, keys.serverIv, sessionId, Direction.SERVER_TO_CLIENT, epoch),
  };
  for (const name of Object.keys(given)) {
    const [, way, number] = /^(c2s|s2c)_frame_([0-9]+)$/.exec(name) ?? [];
    if (way === undefined) continue;
    const counter = Number(number);
    const frame = await openFrame(ways[way], counter, fromHex(given[name]), FRAME_CEILING_BYTES);
    yield [name, await sealFrame(ways[way], counter, frame, FRAME_CEILING_BYTES)];
  }
}

/** What the two sides chose at random or read from a clock, out of their messages. */
async function openHandshake(H1, H2, H3, exchange, decapsulation) {
  const clientHello = ClientHello.parse(H1);
  const serverHello = ServerHello.parse(H2, clientHello.suites);
  const isHybrid = serverHello.suite === SUITE_X25519_MLKEM768;
  const kemSecret = isHybrid ? decapsulation.decapsulate(serverHello.ciphertext) : new Uint8Array();
  const th2 = sha256(H1, serverHello.clearRecord);
  const keys = HandshakeKeys.derive(concat(kemSecret, exchange.exchange(serverHello.exchange)), th2);
  const ofServer = await aeadOpen(await aeadKey(keys.serverKey), keys.serverIv, serverHello.sealed, th2);
  const sealed = parseRecord(CLIENT_AUTH, H3);
  const ofClient = await aeadOpen(await aeadKey(keys.clientKey), keys.clientIv, sealed, sha256(H1, H2));
  const [[serverProof], [clientProof]] = [ServerProof.parse(ofServer), ClientProof.parse(ofClient)];
  return { clientHello, serverHello, serverProof, clientProof, keys, kemSecret };
}
