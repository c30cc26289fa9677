/**
 * Keys as types: a key of one kind cannot be passed for another, has the right length, and never shows in a log.
 *
 * `key.bytes` gives a copy of the raw bytes (for a signing key: its seed). `equals` takes constant time.
 * Spec: 3.2
 */

import { Malformed, UsageError } from "./errors.js";
import { fingerprint } from "./fingerprint.js";
import * as primitives from "./primitives.js";

/** Raw bytes of one fixed size, frozen. */
class Key {
  static SIZE = 32;
  #raw;

  /** @param {Uint8Array} raw */
  constructor(raw) {
    const { SIZE, name } = new.target;
    if (!(raw instanceof Uint8Array) || raw.length !== SIZE) throw new UsageError(`${name} takes ${SIZE} bytes`);
    this.#raw = new Uint8Array(raw);
    Object.freeze(this);
  }

  /** The key in bytes that came from outside. Raises: malformed (another length). */
  static fromBytes(raw) {
    if (raw.length !== this.SIZE) throw new Malformed(`${this.name} of ${raw.length} bytes, expected ${this.SIZE}`);
    return new this(raw);
  }

  get bytes() {
    return this._lend((raw) => raw.slice());
  }

  /** Overwrite it, once its successor exists: whoever has this object has no key any more. */
  erase() {
    this.#raw?.fill(0);
    this.#raw = null;
  }

  /** Work with the bytes themselves, so that no copy of a secret is left lying about. */
  _lend(work) {
    if (this.#raw === null) throw new UsageError(`an erased ${this.constructor.name}`);
    return work(this.#raw);
  }

  /** Whether the other is the same key of the same type. */
  equals(other) {
    return other?.constructor === this.constructor && primitives.constantTimeEqual(this.bytes, other.bytes);
  }

  toString() {
    return `${this.constructor.name}(...)`;
  }

  toJSON() {
    return this.toString();
  }
}

/** A key that is simply random bytes. */
class SecretKey extends Key {
  /** A fresh one. */
  static generate() {
    return new this(primitives.randomBytes(this.SIZE));
  }
}

/** Opens the connection file and passes the gate; every enrolled device has it, so it proves nobody. */
export class DiscoverySecret extends SecretKey {}

/** One device's (or one invite's) secret with the server, mixed into every session. */
export class PreSharedKey extends SecretKey {}

/** Derived from the discovery secret: lets the server tell its own people from strangers before any costly work. */
export class GateKey extends Key {}

/** Seals signals of one room while an epoch lasts; every member of it has it, so it proves nobody. */
export class SignalKey extends Key {}

/** Opens a person's root blob; shown once, never stored by us. */
export class RecoveryKey extends SecretKey {}

/** Seals one file, once; it travels in the message that shows the file. */
export class AttachmentKey extends SecretKey {}

/** An Ed25519 public key. */
class VerifyKey extends Key {
  /** Nothing, when the signature is good. Raises: unauthentic. */
  verify(signature, message) {
    primitives.ed25519Verify(this.bytes, signature, message);
  }

  /** For people to compare: eight groups of four hex digits. */
  get fingerprint() {
    return fingerprint(this);
  }

  toString() {
    return `${this.constructor.name}(${this.fingerprint.slice(0, 9)}...)`;
  }
}

/** A server's identity, as clients pin it. */
export class IdentityPublic extends VerifyKey {}

/** A device's identity, as the server and its peers know it. */
export class DevicePublic extends VerifyKey {}

/** A person's root, which certifies the person's devices. */
export class RootPublic extends VerifyKey {}

/** An Ed25519 seed. */
class SigningKey extends SecretKey {
  /** The 64-byte signature. The message begins with a prefix of key_schedule.PREFIXES, so no two uses mix. */
  sign(message) {
    return this._lend((seed) => primitives.ed25519Sign(seed, message));
  }

  toString() {
    return `${this.constructor.name}(${this.public.fingerprint.slice(0, 9)}...)`;
  }
}

/** A server's identity. */
export class IdentityKey extends SigningKey {
  /** What clients pin. */
  get public() {
    return new IdentityPublic(this._lend(primitives.ed25519Public));
  }
}

/** A device's identity as a seed. A browser's own is a Web Crypto key that only lends its signature: handshake.js. */
export class DeviceKey extends SigningKey {
  /** What the server and peers know. */
  get public() {
    return new DevicePublic(this._lend(primitives.ed25519Public));
  }
}

/** A person's root: unsealed only to link, revoke or join a device. */
export class RootKey extends SigningKey {
  /** What every certificate of the person's devices names. */
  get public() {
    return new RootPublic(this._lend(primitives.ed25519Public));
  }
}

/** An ephemeral X25519 public value. */
export class ExchangePublic extends Key {}

/** An ephemeral X25519 secret: one handshake, then dropped. */
export class ExchangeSecret extends SecretKey {
  /** What is sent. */
  get public() {
    return new ExchangePublic(this._lend(primitives.x25519Public));
  }

  /** The shared 32 bytes. Raises: malformed (a value of small order). */
  exchange(theirPublic) {
    return this._lend((secret) => primitives.x25519(secret, theirPublic.bytes));
  }
}

/** An ephemeral ML-KEM-768 public key. */
export class EncapsulationKey extends Key {
  static SIZE = 1184;

  /** A fresh shared secret (32 bytes) and its ciphertext (1088 bytes). Raises: malformed (no ML-KEM key). */
  encapsulate() {
    return primitives.mlkem768Encapsulate(this.bytes);
  }
}

/** An ephemeral ML-KEM-768 seed: one handshake, then dropped. */
export class DecapsulationKey extends SecretKey {
  static SIZE = 64;

  /** What is sent. */
  get public() {
    return new EncapsulationKey(this._lend(primitives.mlkem768Public));
  }

  /** The shared 32 bytes. Raises: malformed (ciphertext size). */
  decapsulate(ciphertext) {
    return this._lend((seed) => primitives.mlkem768Decapsulate(seed, ciphertext));
  }
}
