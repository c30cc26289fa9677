// What a service worker finds in a browser: caches, events, an origin with files on it. In memory, for one test each.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";

const SCRIPT = readFileSync(new URL("../../../static/js/worker/service_worker.js", import.meta.url), "utf8");
export const ORIGIN = "https://chat.example.org";
export const POLICY = "default-src 'none'; connect-src 'self' https://mirror.example";

/** @param {string | Uint8Array} content */
export const integrityOf = (content) => `sha256-${createHash("sha256").update(content).digest("base64")}`;

export const file = (content, { status = 200, type = "text/plain", headers = {} } = {}) => ({
  content, status, headers: { "Content-Type": type, "Content-Security-Policy": POLICY, ...headers },
});

/** The front door: files by path; `isAway` makes every request fail. `asked` holds each as "path cache". */
export class FrontDoor {
  files = new Map();
  isAway = false;
  asked = [];

  constructor(files) {
    this.files = new Map(Object.entries(files));
  }

  fetch = async (target, options = {}) => {
    const isRequest = typeof target !== "string";
    const path = isRequest ? new URL(target.url).pathname : target;
    this.asked.push(`${path} ${options.cache ?? target.cache ?? "default"}`);
    if (this.isAway) throw new TypeError("Failed to fetch");
    const found = this.files.get(path) ?? file("Not found", { status: 404 });
    if (options.integrity && integrityOf(found.content) !== options.integrity) throw new TypeError("Failed to fetch");
    return new Response(found.content, { status: found.status, headers: found.headers });
  };
}

/** The origin's cache storage, which outlives every worker. `isBroken`: nothing is had; `isFull`: nothing kept. */
export class Caches {
  #caches = new Map();
  isBroken = false;
  isFull = false;

  async open(name) {
    if (this.isBroken) throw new DOMException("Internal error.", "UnknownError");
    if (!this.#caches.has(name)) this.#caches.set(name, new Cache(this));
    return this.#caches.get(name);
  }

  async has(name) {
    return this.#caches.has(name);
  }

  async keys() {
    return [...this.#caches.keys()];
  }

  async delete(name) {
    return this.#caches.delete(name);
  }

  /** For tests: what is in a cache, as text by path. */
  async content(name) {
    return (await this.open(name)).content();
  }
}

class Cache {
  #storage;
  #rows = new Map();

  constructor(storage) {
    this.#storage = storage;
  }

  async put(path, response) {
    if (this.#storage.isFull) throw new DOMException("Quota exceeded.", "QuotaExceededError");
    this.#rows.set(path, { body: await response.arrayBuffer(), status: response.status, headers: response.headers });
  }

  async match(path) {
    const row = this.#rows.get(path);
    return row && new Response(row.body, { status: row.status, headers: row.headers });
  }

  content() {
    return Object.fromEntries([...this.#rows].map(([path, { body }]) => [path, new TextDecoder().decode(body)]));
  }
}

/** One worker, as the server sends it: the three constants, then the script. */
export class Worker {
  #listeners = new Map();
  skipped = false;

  constructor(version, files, front, caches) {
    const self = {
      location: new URL(`${ORIGIN}/worker.js`),
      addEventListener: (name, listener) => this.#listeners.set(name, listener),
      skipWaiting: () => (this.skipped = true),
    };
    const digests = Object.fromEntries(Object.entries(files).map(([path, content]) => [path, integrityOf(content)]));
    const given = { self, caches, fetch: front.fetch, URL, Response, Blob, TransformStream, WritableStream, AbortSignal };
    const constants = Object.entries({ VERSION: version, POLICY, FILES: digests });
    const head = constants.map(([name, value]) => `const ${name} = ${JSON.stringify(value)};\n`);
    runInContext(head.join("") + SCRIPT, createContext(given));
  }

  async tell(name, detail = {}) {
    let outcome;
    await this.#listeners.get(name)({ ...detail, waitUntil: (promise) => (outcome = promise) });
    await outcome;
  }

  /** The worker's answer to a request; undefined when it leaves the browser to itself. */
  async ask(url, { method = "GET", mode = "cors", cache = "default" } = {}) {
    let answer;
    const request = { url: new URL(url, ORIGIN).href, method, mode, cache };
    this.#listeners.get("fetch")({ request, respondWith: (promise) => (answer = promise) });
    return answer;
  }
}
