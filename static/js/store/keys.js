// The keys a browser keeps for one device: handles that Web Crypto does not give out, and the wrapped storage key.
//
// Device mode: SK is wrapped by a non-extractable AES-GCM key beside it. That stops tools that copy a profile, but no
// malware.
// Spec: 5

import { concat } from "../bytes.js";
import { transact } from "./database.js";

const IV_BYTES = 12;
const STORAGE_KEY_BYTES = 32;

/**
 * The keys of this profile, made on first use.
 * @returns {Promise<{storageKey: Uint8Array, deviceKey: {publicKey: Uint8Array, sign: Function}}>}
 */
export async function openKeys(database) {
  const kept = (await database.get("keys", "device")) ?? (await makeKeys(database));
  return {
    storageKey: await unwrap(kept.wrap, kept.storage),
    deviceKey: { publicKey: kept.publicKey, sign: (message) => signWith(kept.privateKey, message) },
  };
}

async function makeKeys(database) {
  const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const wrap = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const made = {
    privateKey: pair.privateKey,
    publicKey: new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)),
    wrap,
    storage: await wrapFresh(wrap),
  };
  await transact(database, ["keys"], (store) => store("keys").add(made, "device"));
  return made;
}

async function wrapFresh(wrap) {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const storageKey = crypto.getRandomValues(new Uint8Array(STORAGE_KEY_BYTES));
  return concat(iv, new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, wrap, storageKey)));
}

async function unwrap(wrap, wrapped) {
  const parameters = { name: "AES-GCM", iv: wrapped.subarray(0, IV_BYTES) };
  return new Uint8Array(await crypto.subtle.decrypt(parameters, wrap, wrapped.subarray(IV_BYTES)));
}

async function signWith(privateKey, message) {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, message));
}
