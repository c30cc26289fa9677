// A page's database as a whole: copied, put back, spoilt.

import { deleteDB, openDB } from "../../../static/vendor/idb.js";

/** @returns {Promise<[store: string, key: string, value: any][]>} every row, as it lies there */
export async function copyDatabase(name) {
  const database = await openDB(name);
  const copy = [];
  for (const store of database.objectStoreNames) {
    for (const key of await database.getAllKeys(store)) copy.push([store, key, await database.get(store, key)]);
  }
  database.close();
  return copy;
}

export async function restoreDatabase(name, copy) {
  const database = await openDB(name);
  for (const store of database.objectStoreNames) await database.clear(store);
  for (const [store, key, value] of copy) await database.put(store, value, key);
  database.close();
}

/** The same rows in a database of the version before, which has only these stores. */
export async function restoreOlderDatabase(name, copy, version, stores) {
  await deleteDB(name);
  const upgrade = (database) => stores.forEach((store) => database.createObjectStore(store));
  const database = await openDB(name, version, { upgrade });
  for (const [store, key, value] of copy) if (stores.includes(store)) await database.put(store, value, key);
  database.close();
}

/** Erases the only row of this store. */
export async function loseRow(name, store) {
  const database = await openDB(name);
  await database.clear(store);
  database.close();
}
