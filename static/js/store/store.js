// Everything the device remembers, sealed row by row and written all or nothing.
//
// One page writes at a time. The lock that sees to it is not trusted alone: whoever opens the store takes the pen by
// raising the writer number, and every write compares it, so a page that was overtaken is refused before it does harm.
// Spec: 4.6, 5

import { encodeCbor, parseCbor } from "../protocol/encoding.js";
import { deleteDatabase, openDatabase, transact } from "./database.js";
import { openKeys } from "./keys.js";
import { Vault } from "./vault.js";

/** Another page has taken the pen, or the browser took the database away; what is in memory here is void. */
export class Superseded extends Error {
  constructor() {
    super("this page may not write any more");
    this.name = "Superseded";
    this.code = "superseded";
  }
}

export class Store {
  #database;
  #vault;
  #writer;
  #lost;

  constructor(database, vault, deviceKey, lost) {
    this.#database = database;
    this.#vault = vault;
    this.#lost = lost;
    this.deviceKey = deviceKey;
  }

  // Lifecycle

  /** The store of that name, made on first use, with the pen in our hand. @param {string} name */
  static async open(name) {
    const lost = new AbortController();
    const database = await openDatabase(name, () => lost.abort());
    const { storageKey, deviceKey } = await openKeys(database);
    const store = new Store(database, await Vault.open(storageKey), deviceKey, lost);
    storageKey.fill(0);
    await store.#takePen();
    return store;
  }

  /** Nothing is written after this. */
  close() {
    this.#lost.abort();
    this.#database.close();
  }

  /** Forget everything, the keys too. @returns {Promise<Store>} an empty one of the same name */
  async restart() {
    const { name } = this.#database;
    this.close();
    await deleteDatabase(name);
    return Store.open(name);
  }

  // Actions

  /**
   * Write rows in one strictly durable transaction: all or none.
   * @param {[store: string, key: string, value: any][]} rows values are what CBOR can hold; null erases the row
   * Raises: Superseded.
   */
  async write(rows) {
    if (this.#lost.signal.aborted) throw new Superseded();
    const sealed = await Promise.all(rows.map((row) => this.#seal(row)));
    const stores = [...new Set(["meta", ...rows.map(([store]) => store)])];
    await transact(this.#database, stores, async (open) => {
      if ((await open("meta").get("writer")) !== this.#writer) throw new Superseded();
      for (const [store, key, row] of sealed) {
        if (row === null) open(store).delete(key);
        else open(store).put(row, key);
      }
    });
  }

  /** One value, or undefined. */
  async read(store, key) {
    const row = await this.#database.get(store, key);
    return row === undefined ? undefined : this.#open(store, key, row);
  }

  /** All rows whose key begins with `prefix`, in the order of their keys. @returns {Promise<[string, any][]>} */
  async readAll(store, prefix = "") {
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    const transaction = this.#database.transaction(store);
    const [keys, rows] = await Promise.all([transaction.store.getAllKeys(range), transaction.store.getAll(range)]);
    return Promise.all(keys.map(async (key, index) => [key, await this.#open(store, key, rows[index])]));
  }

  // Internal

  async #takePen() {
    await transact(this.#database, ["meta"], async (open) => {
      this.#writer = ((await open("meta").get("writer")) ?? 0) + 1;
      open("meta").put(this.#writer, "writer");
    });
  }

  async #seal([store, key, value]) {
    return [store, key, value === null ? null : await this.#vault.seal(store, key, encodeCbor(value))];
  }

  async #open(store, key, row) {
    return parseCbor(await this.#vault.open(store, key, row));
  }
}
