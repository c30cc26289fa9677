/**
 * What server and client tell each other under the handshake's seals, as TLVs.
 *
 * Spec: 3.11
 */

import { concat, sameBytes, utf8 } from "../bytes.js";
import { encodeTlvs, parseText, parseTlvs, Reader, u32, u64 } from "./encoding.js";
import { Malformed, TooLarge } from "./errors.js";
import {
  CLIENT_NAME_MAX_BYTES,
  DEFAULT_MAX_FRAME_BYTES,
  FRAME_CEILING_BYTES,
  FRAME_MIN_BYTES,
  HARD_LIMIT_BYTES,
  HARD_LIMIT_FRAMES,
  HARD_LIMIT_SECONDS,
  SILENCE_SECONDS,
  SOFT_LIMIT_BYTES,
  SOFT_LIMIT_FRAMES,
  SOFT_LIMIT_SECONDS,
} from "./limits.js";

const MAX_FRAME = 1;
const SOFT_LIMITS = 2;
const HARD_LIMITS = 3;
const IDLE = 4;
const MINIMUM_CLIENT = 5;
const CLIENT_NAME = 1;

/** How long one epoch's keys may serve. */
export class KeyLimits {
  /** @param {number} seconds @param {number} bytes @param {number} frames */
  constructor(seconds, bytes, frames) {
    this.seconds = seconds;
    this.bytes = bytes;
    this.frames = frames;
    Object.freeze(this);
  }

  /** Twenty bytes: u32 seconds, u64 bytes, u64 frames. */
  encode() {
    return concat(u32(this.seconds), u64(this.bytes), u64(this.frames));
  }

  /** Of each limit the lower one. */
  atMost({ seconds, bytes, frames }) {
    return new KeyLimits(Math.min(this.seconds, seconds), Math.min(this.bytes, bytes), Math.min(this.frames, frames));
  }

  /** Whether any of them is. */
  reached(seconds, bytes, frames) {
    return seconds >= this.seconds || bytes >= this.bytes || frames >= this.frames;
  }

  /** The limits in these twenty bytes. Raises: malformed. */
  static parse(data) {
    const reader = new Reader(data);
    const limits = new KeyLimits(reader.u32(), reader.u64(), reader.u64());
    reader.end();
    return limits;
  }
}

const DEFAULT_SOFT_LIMITS = new KeyLimits(SOFT_LIMIT_SECONDS, SOFT_LIMIT_BYTES, SOFT_LIMIT_FRAMES);
const DEFAULT_HARD_LIMITS = new KeyLimits(HARD_LIMIT_SECONDS, HARD_LIMIT_BYTES, HARD_LIMIT_FRAMES);

/** What the server asks of a client. A parameter that is not sent has the default given here. */
export class ServerParameters {
  constructor({
    maxFrameBytes = DEFAULT_MAX_FRAME_BYTES,
    // From here on a client starts a rekey.
    softLimits = DEFAULT_SOFT_LIMITS,
    // From here on either side closes.
    hardLimits = DEFAULT_HARD_LIMITS,
    idleSeconds = SILENCE_SECONDS,
    // The oldest client version the server works with; empty when it takes all.
    minimumClient = "",
  } = {}) {
    this.maxFrameBytes = maxFrameBytes;
    this.softLimits = softLimits;
    this.hardLimits = hardLimits;
    this.idleSeconds = idleSeconds;
    this.minimumClient = minimumClient;
    Object.freeze(this);
  }

  /** The TLVs of what differs from the defaults. */
  encode() {
    const defaults = values(new ServerParameters());
    return encodeTlvs(new Map([...values(this)].filter(([type, value]) => !sameBytes(value, defaults.get(type)))));
  }

  /** The parameters in these TLVs. Raises: malformed (also for a frame limit outside 55 bytes to 1 MiB). */
  static parse(data) {
    const all = new Map([...values(new ServerParameters()), ...parseTlvs(data)]);
    const maxFrameBytes = parseU32(all.get(MAX_FRAME));
    if (maxFrameBytes < FRAME_MIN_BYTES || maxFrameBytes > FRAME_CEILING_BYTES) {
      throw new Malformed(`frames of ${maxFrameBytes} bytes`);
    }
    return new ServerParameters({
      maxFrameBytes,
      softLimits: KeyLimits.parse(all.get(SOFT_LIMITS)),
      hardLimits: KeyLimits.parse(all.get(HARD_LIMITS)),
      idleSeconds: parseU32(all.get(IDLE)),
      minimumClient: parseText(all.get(MINIMUM_CLIENT)),
    });
  }
}

/** The client's parameters: its name and version, for people who look at the device list. */
export function encodeClientName(clientName) {
  return encodeTlvs(new Map(clientName ? [[CLIENT_NAME, utf8(clientName)]] : []));
}

/** The client's name and version, empty when it gave none. Raises: malformed; too_large (more than 256 bytes). */
export function parseClientName(data) {
  const name = parseTlvs(data).get(CLIENT_NAME) ?? new Uint8Array();
  if (name.length > CLIENT_NAME_MAX_BYTES) {
    throw new TooLarge(`client name of ${name.length} bytes, at most ${CLIENT_NAME_MAX_BYTES}`);
  }
  return parseText(name);
}

function values(parameters) {
  return new Map([
    [MAX_FRAME, u32(parameters.maxFrameBytes)],
    [SOFT_LIMITS, parameters.softLimits.encode()],
    [HARD_LIMITS, parameters.hardLimits.encode()],
    [IDLE, u32(parameters.idleSeconds)],
    [MINIMUM_CLIENT, utf8(parameters.minimumClient)],
  ]);
}

function parseU32(data) {
  const reader = new Reader(data);
  const value = reader.u32();
  reader.end();
  return value;
}
