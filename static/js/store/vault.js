// Sealing rows: what the disk holds is ciphertext bound to its store and key, so rows cannot be swapped or moved.
//
// Row = iv[12] random || AES-256-GCM(XL(SK, "store", store), aad = store || 0 || key).
// Spec: 5

import { concat, utf8 } from "../bytes.js";
import { Unauthentic } from "../protocol/errors.js";
import { expandLabel } from "../protocol/key_schedule.js";
import { SEALED_STORES } from "./database.js";

const IV_BYTES = 12;

export class Vault {
  #keys;

  constructor(keys) {
    this.#keys = keys;
  }

  /** @param {Uint8Array} storageKey SK, 32 bytes; not kept */
  static async open(storageKey) {
    const keys = await Promise.all(SEALED_STORES.map(async (store) => [store, await storeKey(storageKey, store)]));
    return new Vault(new Map(keys));
  }

  /** @param {string} store @param {string} key @param {Uint8Array} plaintext @returns {Promise<Uint8Array>} the row */
  async seal(store, key, plaintext) {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const parameters = { name: "AES-GCM", iv, additionalData: rowName(store, key) };
    return concat(iv, new Uint8Array(await crypto.subtle.encrypt(parameters, this.#keys.get(store), plaintext)));
  }

  /** Raises: unauthentic. */
  async open(store, key, row) {
    const parameters = { name: "AES-GCM", iv: row.subarray(0, IV_BYTES), additionalData: rowName(store, key) };
    try {
      return new Uint8Array(await crypto.subtle.decrypt(parameters, this.#keys.get(store), row.subarray(IV_BYTES)));
    } catch (cause) {
      throw new Unauthentic(`a row of ${store} does not open`, { cause });
    }
  }
}

async function storeKey(storageKey, store) {
  const key = await expandLabel(storageKey, "store", utf8(store), 32);
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
}

function rowName(store, key) {
  return concat(utf8(store), Uint8Array.of(0), utf8(key));
}
