// The inner part of key_schedule.js: every string that parts one use of a key from another. Spec: 3.1

/** The one table of HKDF strings. Salts and the specification's own come last; `expandLabel` takes the others. */
export const LABELS = Object.freeze({
  // Handshake
  "s hs key": "clawchat/1 s hs key",
  "s hs iv": "clawchat/1 s hs iv",
  "c hs key": "clawchat/1 c hs key",
  "c hs iv": "clawchat/1 c hs iv",
  "psk binder": "clawchat/1 psk binder",
  "session ikm": "clawchat/1 session ikm",
  // Epoch
  "c2s key": "clawchat/1 c2s key",
  "s2c key": "clawchat/1 s2c key",
  "c2s iv": "clawchat/1 c2s iv",
  "s2c iv": "clawchat/1 s2c iv",
  "s finished": "clawchat/1 s finished",
  "c finished": "clawchat/1 c finished",
  exporter: "clawchat/1 exporter",
  // From the exporter
  "device psk": "clawchat/1 device psk",
  "device psk id": "clawchat/1 device psk id",
  // Secrets at rest: a server's rows, a client's rows and its storage key, a person's root
  "at rest": "clawchat/1 at rest",
  store: "clawchat/1 store",
  storage: "clawchat/1 storage",
  root: "clawchat/1 root",
  // Gate
  gate: "clawchat/1 gate",
  // A new discovery secret, wrapped for who is away
  "discovery wrap": "clawchat/1 discovery wrap",
  "discovery tag": "clawchat/1 discovery tag",
  // Salts, and the specification's own
  "gate salt": "clawchat-gate",
  "root salt": "clawchat-root",
  "storage salt": "clawchat-prf",
  "connection file salt": "clawchat-connection-file",
  "session keys": "ClawChat v1.0 Session Keys",
});

/** What a signed, hashed or associated string begins with, so that one made for one use never serves another. */
export const PREFIXES = Object.freeze({
  "server signature": "clawchat/1 server signature\0",
  "client signature": "clawchat/1 client signature\0",
  "rekey client": "clawchat/1 rekey client\0",
  "rekey server": "clawchat/1 rekey server\0",
  "connection file": "clawchat/1 connection file\0",
  device: "clawchat/1 device\0",
  user: "clawchat/1 user\0",
  "device cert": "clawchat/1 device cert\0",
  // Rooms: who may come in or must go out
  root: "clawchat/1 root\0",
  "discovery wrap": "clawchat/1 discovery wrap\0",
  "revocation list": "clawchat/1 revocation list\0",
  revoked: "clawchat/1 revoked\0",
  "identity revoked": "clawchat/1 identity revoked\0",
  successor: "clawchat/1 successor\0",
  "successor proof": "clawchat/1 successor proof\0",
  vouched: "clawchat/1 vouched\0",
  join: "clawchat/1 join\0",
  "device revoked": "clawchat/1 device revoked\0",
  // What members of a room tell each other in passing
  signal: "clawchat/1 signal\0",
  // What the server keeps: files it cannot open, and its log
  blob: "clawchat/1 blob\0",
  audit: "clawchat/1 audit\0",
  "audit checkpoint": "clawchat/1 audit checkpoint\0",
});
