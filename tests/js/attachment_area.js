// The area `attachment` of tests/vectors. See its README.

import { concat, fromHex } from "../../static/js/bytes.js";
import {
  Attachment,
  encodeAttachments,
  fittingMime,
  fittingName,
  openAttachment,
  parseAttachments,
  sealAttachment,
  sealedSize,
} from "../../static/js/protocol/attachment.js";
import { FileChunk } from "../../static/js/protocol/bodies.js";
import { encodeCbor, parseCbor } from "../../static/js/protocol/encoding.js";
import { AttachmentKey } from "../../static/js/protocol/keys.js";
import { Sha256, sha256 } from "../../static/js/protocol/primitives.js";

/** @param {Record<string, any>} given */
export function attachment(given) {
  return { show, fit, seal, open, assemble }[given.question](given);
}

function show({ attachments }) {
  const found = parseAttachments(parseCbor(fromHex(attachments)));
  const shown = found.map((each) => ({ ...each, key: each.key.bytes, sealed: sealedSize(each.size) }));
  return { attachments: shown, encoded: encodeCbor(encodeAttachments(found)) };
}

function fit({ name, mime }) {
  return { name: fittingName(name), mime: fittingMime(mime) };
}

async function seal(given) {
  const { chunks, digest } = await sealPattern(given);
  const [first, last] = [chunks[0], chunks.at(-1)].map(({ data }) => sha256(data));
  return { sizes: chunks.map(({ data }) => data.length), sha256: digest, first, last };
}

async function open({ attachment: { id, key, sha256: digest, ...members }, chunks }) {
  const shown = { ...members, id: fromHex(id), key: fromHex(key), sha256: fromHex(digest) };
  const sealed = chunks.map(({ file, index, last, data }) => new FileChunk(fromHex(file), index, last, fromHex(data)));
  return { plaintext: await opened(Attachment.fromMembers(shown), sealed) };
}

async function assemble(given) {
  const { chunks: sealed } = await sealPattern(given);
  const chunks = given.chunks.map(({ of, file, index, last, flip, cut = 0, more = 0 }) => {
    const data = new Uint8Array(sealed[of].data);
    if (flip !== undefined) data[flip < 0 ? data.length + flip : flip] ^= 1;
    return new FileChunk(fromHex(file), index, last, concat(data.slice(0, data.length - cut), new Uint8Array(more)));
  });
  const digest = sha256(...chunks.map(({ data }) => data));
  const key = new AttachmentKey(fromHex(given.key));
  const shown = new Attachment(fromHex(given.file), given.shown_size ?? given.size, key, digest, "a/b", "a");
  return { sha256: sha256(await opened(shown, chunks)) };
}

async function sealPattern({ file, key, size, pattern }) {
  const [piece, digest, chunks] = [fromHex(pattern), new Sha256(), []];
  const plaintext = size > 2 ** 30 ? new Uint8Array() : new Uint8Array(size).map((_, at) => piece[at % piece.length]);
  const sealing = sealAttachment([plaintext], fromHex(file), new AttachmentKey(fromHex(key)), size, digest);
  for await (const chunk of sealing) chunks.push(chunk);
  return { chunks, digest: digest.digest() };
}

async function opened(shown, chunks) {
  const pieces = [];
  for await (const piece of openAttachment(shown, chunks)) pieces.push(piece);
  return concat(...pieces);
}
