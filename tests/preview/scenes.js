/** What each scene shows. A scene changes a FakeApp that is ready, with three rooms. */

import { withFiles } from "./sample_files.js";
import { INES, JONAS, kitchenTable, longTalk, MARA, ME, message, PEOPLE, sampleId } from "./sample.js";

const HOUR_MS = 3_600_000;
export const KITCHEN = sampleId(0xc001);
const BAND = sampleId(0xb1a2);
const PAIR = sampleId(0xd3e4);

/** What a walk to the server meets where all is well. */
export const WAY = [
  { code: "clock_well" }, { code: "context_well" }, { code: "place_well", about: "chat.example.org" },
  { code: "signature_well" }, { code: "fresh_well" }, { code: "port_well", about: "49731" }, { code: "tls_well" },
  { code: "gate_well" }, { code: "device_well" },
];

/** What it meets where one place is down, another lies, and a network lets no high port through. */
const WAY_OFFLINE = [
  { code: "clock_unknown" }, { code: "context_well" }, { code: "place_unreadable", about: "chat.example.org" },
  { code: "place_well", about: "mega.nz" }, { code: "place_well", about: "files.example.net" },
  { code: "signature_well" }, { code: "signature_foreign", about: "files.example.net" }, { code: "fresh_well" },
  { code: "port_silent", about: "49731" },
];

/** Three rooms with something in them. */
export function furnish(app) {
  const now = Date.now();
  app.put(KITCHEN, kitchenTable(KITCHEN, now));
  app.put(BAND, [
    message(BAND, 0, now - 26 * HOUR_MS, INES, "New strings are on. It sounds like a different instrument"),
    message(BAND, 1, now - 25 * HOUR_MS, JONAS, "Thursday at eight then?"),
  ]);
  app.put(PAIR, [message(PAIR, 0, now - 72 * HOUR_MS, MARA, "Thank you for the soup. And the spoon.")]);
  app.rooms = [
    room(app, KITCHEN, "Kitchen table", [ME, MARA, JONAS], 0),
    room(app, BAND, "Third floor band", [ME, JONAS, INES], 2),
    room(app, PAIR, "Mara", [ME, MARA], 0),
  ];
}

export const SCENES = {
  ready() {},
  files(app) {
    app.put(KITCHEN, withFiles(app.messages(KITCHEN)));
  },
  starting: state("starting"),
  elsewhere: state("elsewhere"),
  empty: state("empty"),
  revoked: state("revoked"),
  invited(app) {
    app.state = "invited";
    app.invitation = { serverName: "Canal House", expires: inHours(20), expired: false };
    app.rooms = [];
  },
  expired(app) {
    app.state = "invited";
    app.invitation = { serverName: "Canal House", expires: inHours(-1), expired: true };
  },
  enrolling(app) {
    SCENES.invited(app);
    app.state = "enrolling";
  },
  failed(app) {
    app.state = "failed";
    app.problem = { code: "invitation_used" };
  },
  unknown(app) {
    app.state = "failed";
    app.problem = { code: "refused" };
    app.way = [...WAY.slice(0, -1), { code: "device_refused" }];
  },
  shutout(app) {
    Object.assign(app.connection, { status: "offline", since: null, port: null, problem: { code: "refused" } });
    app.offer = { isForeign: false };
  },
  signedout(app) {
    app.state = "revoked";
    app.offer = { isForeign: true };
  },
  needless: problem("invitation_needless"),
  foreign: problem("invitation_foreign"),
  incomplete: problem("invitation_incomplete"),
  waits(app) {
    SCENES.offline(app);
    app.problem = { code: "invitation_waits" };
  },
  alone(app) {
    app.rooms = [];
    app.people = [PEOPLE[0]];
  },
  quiet(app) {
    app.put(KITCHEN, []);
    app.rooms = [{ ...app.rooms[0], last: null, members: [ME.userId] }];
  },
  joining(app) {
    SCENES.quiet(app);
    app.rooms = [{ ...app.rooms[0], joined: false }];
  },
  waiting(app) {
    const log = app.messages(KITCHEN);
    const now = Date.now();
    const unreadable = { ...message(KITCHEN, log.length, now, JONAS, ""), status: "unreadable" };
    const mine = ["Got my ticket.", "Shall I get yours too?\nThey are cheaper today."].map((text, index) => {
      return { ...message(KITCHEN, log.length + 1 + index, now, ME, text), status: "waiting", seq: null };
    });
    app.put(KITCHEN, [...log, unreadable, ...mine]);
  },
  writing(app) {
    app.signals.put(KITCHEN, [MARA.userId, JONAS.userId]);
    app.signals.put(BAND, [INES.userId]);
  },
  moving(app) {
    app.connection.status = "moving";
  },
  connecting(app) {
    SCENES.waiting(app);
    Object.assign(app.connection, { status: "connecting", since: null });
  },
  offline(app) {
    SCENES.waiting(app);
    Object.assign(app.connection, { status: "offline", since: null, port: null, problem: { code: "unavailable" } });
    app.way = WAY_OFFLINE;
  },
  doubts(app) {
    app.connection.doubts = [
      { host: "mega.nz", code: "replayed" },
      { host: "a-rather-long-name-of-a-host.friends.example.org:8443", code: "unauthentic" },
    ];
  },
  lost(app) {
    SCENES.invited(app);
    app.problem = { code: "unavailable" };
  },
  problem: problem("not_yet_valid"),
  clock(app) {
    app.connection.clockAhead = -2 * HOUR_MS;
  },
  update() {
    document.querySelector("cc-app").updates = Object.assign(new EventTarget(), { isWaiting: true, reload() {} });
  },
  long(app) {
    app.put(KITCHEN, longTalk(KITCHEN, 1000, Date.now()));
    app.rooms[0] = room(app, KITCHEN, "Kitchen table", PEOPLE, 0);
  },
};

function state(name) {
  return (app) => (app.state = name);
}

function problem(code) {
  return (app) => (app.problem = { code });
}

function room(app, id, name, people, unread) {
  const members = people.map((person) => person.userId);
  return { id, name, members, last: app.messages(id).at(-1) ?? null, unread, joined: true };
}

/** Seconds since 1970. */
function inHours(hours) {
  return Math.floor((Date.now() + hours * HOUR_MS) / 1000);
}
