// A public folder at MEGA, in memory, encrypted with Node's own ciphers: its owner's side and the service's answers.

import { createCipheriv, randomBytes } from "node:crypto";

import { FetchFailed } from "../../../static/js/net/http.js";

const PART_BYTES = 131_072;
const GATEWAY = "https://g.api.mega.co.nz/cs";
const STORAGE = "https://gfs1.userstorage.mega.co.nz/dl/";

export class FakeMegaFolder {
  /** What MEGA answers to a command instead of the truth, by the command's name; used up one after the other. */
  instead = { f: [], g: [], download: [] };
  asked = [];
  urls = [];
  /** How redirects were to be taken. */
  redirects = new Set();
  #nodes = [{ h: "Top_node", p: "Elsewhere", t: 1, a: "", k: "" }];
  #blobs = new Map();

  constructor() {
    this.key = randomBytes(16);
    this.folder = { handle: "Folder_1", key: new Uint8Array(this.key), gateway: GATEWAY, host: "mega.nz" };
  }

  /** Put a file here, as its owner would. */
  put(name, data, { at = 0, parent = "Top_node", keys = (own) => `Top_node:${own}`, size = data.length } = {}) {
    const [content, nonce] = [randomBytes(16), randomBytes(8)];
    const tail = Buffer.concat([nonce, condensed(content, nonce, data)]);
    const nodeKey = Buffer.concat([xor(content, tail), tail]);
    const handle = `Node_${String(this.#nodes.length).padStart(3, "0")}`;
    const sealedKey = run("aes-128-ecb", this.key, null, nodeKey).toString("base64url");
    const text = Buffer.from(`MEGA${JSON.stringify({ n: name })}`);
    const attributes = run("aes-128-cbc", content, Buffer.alloc(16), filled(text)).toString("base64url");
    this.#nodes.push({ h: handle, p: parent, t: 0, a: attributes, k: keys(sealedKey), ts: at, s: size });
    const start = Buffer.concat([nonce, Buffer.alloc(8)]);
    this.#blobs.set(handle, createCipheriv("aes-128-ctr", content, start).update(data));
    return handle;
  }

  fetchBytes = async (url, { maxBytes, timeoutMs, body, redirect }) => {
    this.urls.push(url);
    this.redirects.add(redirect);
    if (timeoutMs <= 0) throw new FetchFailed("unavailable");
    const answer = body === undefined ? this.#download(url) : this.#answer(JSON.parse(body)[0]);
    if (answer.length > maxBytes) throw new FetchFailed("too_large");
    return new Uint8Array(answer);
  };

  #answer(command) {
    this.asked.push(command);
    const instead = this.instead[command.a].shift();
    if (instead !== undefined) return Buffer.from(typeof instead === "string" ? instead : JSON.stringify(instead));
    if (command.a === "f") return Buffer.from(JSON.stringify([{ f: this.#nodes, sn: "x" }]));
    const node = this.#nodes.find(({ h }) => h === command.n);
    return Buffer.from(JSON.stringify([{ s: node.s, at: node.a, g: STORAGE + node.h }]));
  }

  #download(url) {
    return this.instead.download.shift() ?? this.#blobs.get(url.slice(STORAGE.length));
  }
}

/** The check of a content: every part's, chained, and folded to 8 bytes. */
function condensed(key, nonce, data) {
  let mac = Buffer.alloc(16);
  for (let at = 0; at < data.length; at += PART_BYTES) {
    const start = Buffer.concat([nonce, nonce]);
    const chained = run("aes-128-cbc", key, start, filled(Buffer.from(data.slice(at, at + PART_BYTES))));
    mac = run("aes-128-ecb", key, null, xor(mac, chained.subarray(-16)));
  }
  return Buffer.concat([xor(mac.subarray(0, 4), mac.subarray(4, 8)), xor(mac.subarray(8, 12), mac.subarray(12))]);
}

function run(name, key, start, data) {
  return createCipheriv(name, key, start).setAutoPadding(false).update(data);
}

function filled(data) {
  return Buffer.concat([data, Buffer.alloc(-data.length & 15)]);
}

function xor(left, right) {
  return Buffer.from(left.map((octet, index) => octet ^ right[index]));
}
