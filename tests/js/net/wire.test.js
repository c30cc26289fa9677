import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { fetchBytes } from "../../../static/js/net/http.js";
import { openWire } from "../../../static/js/net/wire.js";

/** What a browser has; the test pulls its strings. */
class FakeWebSocket {
  static OPEN = 1;
  static last;
  readyState = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    FakeWebSocket.last = this;
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  send(data) {
    this.sent.push(data);
  }

  close(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

function connect(t, signal = new AbortController().signal) {
  globalThis.WebSocket = FakeWebSocket;
  t.after(() => delete globalThis.WebSocket);
  const heard = [];
  const handlers = { onMessage: (data) => heard.push(data), onEnd: (code) => heard.push(code) };
  const opening = openWire("wss://chat.example/path", handlers, signal);
  return { heard, opening, socket: FakeWebSocket.last };
}

test("binary messages go both ways, and the end is told once", async (t) => {
  const { heard, opening, socket } = connect(t);
  socket.open();
  const wire = await opening;

  wire.send(Uint8Array.of(1));
  socket.onmessage({ data: Uint8Array.of(2, 3).buffer });
  wire.close(4008);
  wire.send(Uint8Array.of(4));

  assert.equal(socket.binaryType, "arraybuffer");
  assert.deepEqual(socket.sent, [Uint8Array.of(1)]);
  assert.deepEqual(heard, [Uint8Array.of(2, 3), 4008]);
});

test("a text message is nothing a frame could be", async (t) => {
  const { heard, opening, socket } = connect(t);
  socket.open();
  await opening;

  socket.onmessage({ data: "hello" });

  assert.deepEqual(heard, [new Uint8Array()]);
});

test("a port that refuses, and one that is given up, are unavailable", async (t) => {
  const refused = connect(t);
  refused.socket.close();
  await assert.rejects(refused.opening, { name: "DialFailed", code: "unavailable" });

  const patience = new AbortController();
  const silent = connect(t, patience.signal);
  patience.abort();
  await assert.rejects(silent.opening, { code: "unavailable" });
});

test("a mirror's file comes within limits or not at all", async (t) => {
  const server = createServer((request, response) => {
    if (request.url === "/missing") response.writeHead(404);
    if (request.url !== "/silent") response.end("x".repeat(1000));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections?.() ?? server.close());
  t.after(() => server.close());
  const url = (path) => `http://127.0.0.1:${server.address().port}${path}`;

  assert.equal((await fetchBytes(url("/file"), { maxBytes: 1000, timeoutMs: 2000 })).length, 1000);
  await assert.rejects(fetchBytes(url("/file"), { maxBytes: 999, timeoutMs: 2000 }), { code: "too_large" });
  await assert.rejects(fetchBytes(url("/missing"), { maxBytes: 1000, timeoutMs: 2000 }), { code: "not_there" });
  await assert.rejects(fetchBytes(url("/silent"), { maxBytes: 1000, timeoutMs: 50 }), { code: "unavailable" });
});
