import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromHex, toHex, utf8 } from "../../../static/js/bytes.js";
import {
  AuthenticatedData,
  deviceRevokedMessage,
  joinMessage,
  memberData,
  ownDeviceData,
  revokedData,
  vouchedMessage,
  voucherData,
} from "../../../static/js/protocol/authenticated_data.js";
import * as bodies from "../../../static/js/protocol/bodies.js";
import { DeviceKey, RootKey } from "../../../static/js/protocol/keys.js";
import {
  ContentType,
  encodePrivateMessage,
  MessageHeader,
} from "../../../static/js/protocol/message_header.js";
import { checkNotice, checkRequest, NOTICES, OPERATIONS } from "../../../static/js/protocol/operations.js";
import { refuses } from "./people.js";

const [ROOM, ID] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];

test("each body comes back as it was", () => {
  const made = [
    new bodies.ChatSend(ROOM, utf8("x")),
    new bodies.ChatDelivery(ROOM, 7, 8, ID, utf8("x")),
    new bodies.ErrorBody(13, "späť", ID),
    new bodies.ErrorBody(1, ""),
    new bodies.CloseNotify(0),
    new bodies.Ack(ID, ROOM, 2 ** 53 - 1),
  ];
  for (const body of made) assert.deepEqual(body.constructor.parse(body.encode()), body);
  const exchanges = [
    new bodies.Request(1, { op: "x" }),
    new bodies.Response(2, {}),
    new bodies.Failure(3, { code: 1, text: "" }),
  ];
  for (const body of exchanges) {
    const read = bodies.parseExchange(body.encode());
    assert.equal(read.constructor, body.constructor);
    assert.deepEqual(read, body);
  }
});

test("a body of another shape is refused", async () => {
  const wrong = {
    ChatSend: ["01".repeat(15), "01".repeat(16)],
    ChatDelivery: ["01".repeat(48), "00".repeat(47)],
    ErrorBody: ["0001", "00010001", "0001000000", "000100000102", "00010001ff"],
    CloseNotify: ["0000", "0000000000", "00000001ff"],
    Ack: ["00".repeat(39), "00".repeat(41)],
  };
  for (const [name, cases] of Object.entries(wrong)) {
    for (const hex of cases) await refuses("malformed", () => bodies[name].parse(fromHex(hex)));
  }
  for (const hex of [
    "0000000001",
    "000000000180",
    "030000000" + "1a0",
    "0200000001a0",
    "0200000001a264636f64650164746578740" + "1",
  ]) {
    await refuses("malformed", () => bodies.parseExchange(fromHex(hex)));
  }
  await refuses("usage", () => new bodies.ChatSend(new Uint8Array(15), ID).encode());
});

test("the clear header of an MLS message is read to its last byte", async () => {
  const data = memberData(ROOM, ID);
  const message = encodePrivateMessage(ROOM, 5, ContentType.COMMIT, data, new Uint8Array(63), new Uint8Array(20_000));

  const header = MessageHeader.parse(message);

  assert.deepEqual(
    [header.groupId, header.epoch, header.contentType, header.messageId],
    [ROOM, 5, ContentType.COMMIT, ID],
  );
  await refuses("malformed", () => MessageHeader.parse(concat(message, new Uint8Array(1))));
  for (let end = 0; end < 110; end += 1)
    await refuses("malformed", () => MessageHeader.parse(message.subarray(0, end)));
});

test("a vector in a longer form, another version and another content are refused", async () => {
  const start = "00010002";
  const [room, epoch, rest] = [`10${toHex(ROOM)}`, "0000000000000005", "000000"];
  assert.equal(MessageHeader.parse(fromHex(start + room + epoch + "01" + rest)).epoch, 5);
  const wrong = [
    `${start}4010${toHex(ROOM)}${epoch}01${rest}`,
    `${start}80000010${toHex(ROOM)}${epoch}01${rest}`,
    `${start}c0${epoch}01${rest}`,
    `00020002${room}${epoch}01${rest}`,
    `00010001${room}${epoch}01${rest}`,
    `${start}${room}${epoch}04${rest}`,
    `${start}${room}${epoch}00${rest}`,
  ];
  for (const hex of wrong) await refuses("malformed", () => MessageHeader.parse(fromHex(hex)));
  const header = new MessageHeader(2, ROOM, 0, 1, new Uint8Array(33));
  await refuses("malformed", () => header.messageId);
});

test("a request is held against the table", async () => {
  const commit = {
    op: "room.commit",
    room: ROOM,
    epoch: 1,
    message_id: ID,
    commit: new Uint8Array(32),
    added: [ID],
    removed: [],
    group_info: new Uint8Array(32),
  };

  assert.equal(checkRequest(commit), "room.commit");
  assert.equal(checkRequest({ ...commit, unknown: 1 }), "room.commit");
  assert.equal(checkNotice({ op: "welcome" }), "welcome");
  const wrong = [
    [{}, /op/],
    [{ op: 1 }, /op/],
    [{ op: "toString" }, /op/],
    [{ ...commit, added: [ROOM, new Uint8Array(15)] }, /^added\[1\]/],
    [{ ...commit, epoch: true }, /^epoch/],
    [{ ...commit, room: "x" }, /^room/],
    [{ ...commit, commit: undefined }, /^commit/],
    [{ op: "room.resume", rooms: [{ room: ROOM }] }, /^rooms\[0\]\.cursor is missing/],
    [{ op: "name.set", name: "é".repeat(65) }, /^name/],
    [{ op: "packages.take", devices: Array.from({ length: 17 }, () => ID) }, /^devices/],
  ];
  for (const [body, text] of wrong)
    await assert.rejects(async () => checkRequest(body), { code: "malformed", message: text });
});

test("the tables name each operation once, in both directions", () => {
  for (const table of [OPERATIONS, NOTICES]) {
    for (const [name, operation] of Object.entries(table)) assert.equal(operation.name, name);
  }
  assert.equal(String(OPERATIONS["room.stage"].members.at(-1)), "`bytes` b..131072");
  assert.equal(String(OPERATIONS["room.resume"].body), "{`rooms` [{`room` b16, `cursor` uint}]..256}");
});

test("what a voucher and a root sign holds for one leaf, room and epoch", async () => {
  const [key, root, leaf] = [DeviceKey.generate(), RootKey.generate(), new Uint8Array(32).fill(7)];
  const vouched = key.sign(vouchedMessage(ROOM, key.public.bytes, leaf));
  const voucher = AuthenticatedData.parse(voucherData(ROOM, ID, key.public.bytes, vouched));
  const own = AuthenticatedData.parse(ownDeviceData(ROOM, ID, root.sign(joinMessage(ROOM, 7, leaf))));
  const gone = AuthenticatedData.parse(revokedData(ROOM, ID, leaf, root.sign(deviceRevokedMessage(leaf))));

  voucher.verifyVoucher(leaf);
  own.verifyOwnDevice(root.public.bytes, 7, leaf);
  gone.verifyRevoked(root.public.bytes);

  await refuses("unauthentic", () => voucher.verifyVoucher(new Uint8Array(32)));
  await refuses("unauthentic", () => own.verifyOwnDevice(root.public.bytes, 8, leaf));
  await refuses("unauthentic", () => own.verifyOwnDevice(key.public.bytes, 7, leaf));
  await refuses("unauthentic", () => gone.verifyRevoked(key.public.bytes));
  await refuses("usage", () => voucherData(ROOM, ID, leaf, new Uint8Array(63)));
});
