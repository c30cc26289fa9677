// The IndexedDB database: its stores, and a transaction that is over when it is on the disk.

import { deleteDB, openDB } from "../../vendor/idb.js";

/** 2: groups of our own library; what was of the one before it is of no use any more. 3: files on their way. */
const VERSION = 3;
const OF_THE_GROUPS = ["epoch", "live", "past", "pending", "packages"];

/**
 * keys      handles of Web Crypto keys and the wrapped storage key; not sealed
 * meta      the writer number; not sealed
 * account   who we are, where the server is, whom we know
 * rooms     a room's name, cursor and read mark
 * epoch     a group's tree, written once for each epoch
 * live      the small rest of a group's state, written with each message
 * past      the epoch before, until its keys are erased
 * pending   a commit that may have left the device, and the state it leads to
 * known     the newest epoch this device believes in and who had leaves then, for when the group's state is lost
 * outbox    own messages until they stand in the log
 * posts     own messages whose files are on their way
 * parts     the sealed chunks of those files
 * archive   what was read from the log
 * packages  private halves of own key packages
 */
export const SEALED_STORES = Object.freeze([
  "account", "rooms", "epoch", "live", "past", "pending", "known", "outbox", "posts", "parts", "archive", "packages",
]);
const OPEN_STORES = Object.freeze(["keys", "meta"]);

/** @param {string} name @param {() => void} onLost called when the browser takes the database away */
export function openDatabase(name, onLost) {
  return openDB(name, VERSION, {
    async upgrade(database, before, _now, transaction) {
      const missing = [...OPEN_STORES, ...SEALED_STORES].filter((store) => !database.objectStoreNames.contains(store));
      for (const store of missing) database.createObjectStore(store);
      if (before === 1) await Promise.all(OF_THE_GROUPS.map((store) => transaction.objectStore(store).clear()));
    },
    blocking(_current, _blocked, event) {
      event.target.close();
      onLost();
    },
    terminated: onLost,
  });
}

/** @param {string} name */
export function deleteDatabase(name) {
  return deleteDB(name);
}

/**
 * One strictly durable transaction. `fill` issues its requests at once and waits for none but those of the transaction:
 * IndexedDB ends a transaction that waits for anything else.
 */
export async function transact(database, stores, fill) {
  const transaction = database.transaction(stores, "readwrite", { durability: "strict" });
  // Without a handler of its own an abort would also be an unhandled rejection.
  transaction.done.catch(() => {});
  try {
    await fill((store) => transaction.objectStore(store));
  } catch (cause) {
    abortQuietly(transaction);
    throw cause;
  }
  await transaction.done;
}

function abortQuietly(transaction) {
  try {
    transaction.abort();
  } catch {
    // It has ended by itself; there is nothing left to undo.
  }
}
