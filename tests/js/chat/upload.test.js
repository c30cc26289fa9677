import assert from "node:assert/strict";
import { test } from "node:test";

import { KeptBlobs } from "../../../static/js/chat/files/kept_blobs.js";
import { Upload } from "../../../static/js/chat/files/upload.js";
import { ChannelClosed } from "../../../static/js/net/failures.js";
import { Limit, NotMember } from "../../../static/js/protocol/errors.js";

const FILE = { id: new Uint8Array(16), room: new Uint8Array(16).fill(1), size: 6 * 65_552, count: 6 };
const aside = () => new Promise((resolve) => setTimeout(resolve));

/** The server's memory of one file, a line with a session, and an upload on it. */
function begin() {
  const stored = [];
  const news = [];
  const controller = new AbortController();
  const line = { channel: null, ready: async () => line.channel };
  const read = async (index) => new Uint8Array(20).fill(index);
  const upload = new Upload({ line, read, tell: (each) => news.push(each), signal: controller.signal });
  return { stored, news, controller, line, upload };
}

/** A session; `send` is told of each chunk and may answer in place of the server. */
function session(stored, { create = () => ({ have: stored.length }), send = () => {} } = {}) {
  const sent = [];
  const put = async (chunk) => {
    sent.push(chunk.index);
    await send(chunk);
    if (chunk.index === stored.length) stored.push(chunk);
    return stored.length;
  };
  return { sent, request: async (_op, members) => create(members), files: { window: aside, send: put } };
}

test("what is left goes over the session that took over, from where the one before has brought it", async () => {
  const { stored, line, upload } = begin();
  const next = session(stored);
  const first = session(stored, { send: ({ index }) => index === 2 && (line.channel = next) });
  line.channel = first;

  await upload.run(FILE);

  assert.deepEqual([first.sent, next.sent], [[0, 1, 2], [3, 4, 5]]);
  assert.deepEqual(stored.map((chunk) => [chunk.index, chunk.isLast]), [0, 1, 2, 3, 4, 5].map((n) => [n, n === 5]));
});

test("a session that ended is followed by the next one, and nothing is told as stored that is not", async () => {
  const { stored, line, news, upload } = begin();
  const next = session(stored);
  const lose = ({ index }) => {
    if (index < 3) return;
    line.channel = next;
    throw new ChannelClosed();
  };
  line.channel = session(stored, { send: lose });

  await upload.run(FILE);

  assert.deepEqual(next.sent, [3, 4, 5]);
  assert.deepEqual(news.map((each) => each.stored), [0, 1, 2, 3, 3, 4, 5, 6]);
});

test("a file that the server has whole is not sent again", async () => {
  const { stored, line, upload } = begin();
  line.channel = session(stored, { create: () => ({ have: 6 }) });

  await upload.run(FILE);

  assert.deepEqual(line.channel.sent, []);
});

test("a server without room is asked again, and what it waits for is told", async () => {
  const { stored, line, news, controller, upload } = begin();
  line.channel = session(stored, { create: () => Promise.reject(new Limit("300 seconds")) });

  const running = upload.run(FILE);
  while (!news.length) await aside();
  controller.abort(new Error("enough"));

  await assert.rejects(running, /enough/);
  assert.deepEqual(news, [{ held: "limit" }]);
});

test("a server that acknowledges and keeps nothing, or loses all at the end, is not sent the file for ever", async () => {
  for (const stored of [() => 0, ({ index }) => index]) {
    const { line, upload } = begin();
    line.channel = session([], { create: () => ({ have: 0 }) });
    const { sent, files } = line.channel;
    files.send = async (chunk) => (sent.push(chunk.index), stored(chunk));

    await assert.rejects(upload.run(FILE), { code: "out_of_order" });

    assert.equal(sent.length, 4 * FILE.count);
  }
});

test("what is no number of chunks is no answer", async () => {
  for (const answer of [{}, { have: -1 }, { have: 0.5 }, { have: "0" }]) {
    const { stored, line, upload } = begin();
    line.channel = session(stored, { create: () => answer });

    await assert.rejects(upload.run(FILE), { code: "malformed" });
  }
});

test("a refusal that does not pass ends it", async () => {
  const { stored, line, upload } = begin();
  line.channel = session(stored, { create: () => Promise.reject(new NotMember("")) });

  await assert.rejects(upload.run(FILE), { code: "not_member" });
});

test("an upload that was given up sends nothing more", async () => {
  const { stored, line, controller, upload } = begin();
  line.channel = session(stored, { send: ({ index }) => index === 1 && controller.abort(new Error("enough")) });

  await assert.rejects(upload.run(FILE), /enough/);
  await aside();

  assert.deepEqual(line.channel.sent, [0, 1]);
});

test("files that were opened are kept while there is room, the last used ones", () => {
  const kept = new KeptBlobs();
  const blob = (megabytes) => ({ size: megabytes * 2 ** 20 });
  kept.put("a", blob(30));
  kept.put("b", blob(30));
  kept.get("a");

  kept.put("c", blob(30));
  kept.put("too large", blob(65));

  assert.deepEqual(["a", "b", "c", "too large"].map((id) => kept.get(id)?.size), [30 * 2 ** 20, undefined, 30 * 2 ** 20, undefined]);
});
