// People with an app each, and waiting for what happens in it.

import { App } from "../../../static/js/chat/app.js";

const opened = [];
let stores = 0;

/** A person who has used an invitation. */
export async function enrolled(server, name) {
  stores += 1;
  const storageName = `${name}-${stores}`;
  const app = await openApp(server, storageName, server.makeInvite());
  await app.enrol(name);
  await until(app, () => app.connection.status === "connected" && app.people.length > 0);
  return { app, storageName };
}

/** The page of this storage. @param {object} [environment] in place of the fake server's */
export async function openApp(server, storageName, invitation = "", environment = {}) {
  const location = { hash: invitation ? `#${invitation}` : "", pathname: "/page", search: "?x=1" };
  const app = await App.open({ location, storageName, environment: { ...server.environment, ...environment } });
  opened.push(app);
  return app;
}

export async function closeAll() {
  await Promise.all(opened.splice(0).map((app) => app.close()));
}

/** Resolves when the condition holds; fails after `ms`. */
export function until(app, condition, ms = 10_000) {
  return new Promise((resolve, reject) => {
    const end = (settle, value) => {
      clearTimeout(timer);
      clearInterval(again);
      app.removeEventListener("change", look);
      settle(value);
    };
    const look = () => condition() && end(resolve);
    const timer = setTimeout(() => end(reject, new Error(`waited in vain for ${condition}`)), ms);
    const again = setInterval(look, 20);
    app.addEventListener("change", look);
    look();
  });
}

/** What stands on the screen, without notices. */
export const texts = (app, roomId) =>
  app.messages(roomId).filter((message) => message.status !== "notice").map((message) => message.text);

/** The ids on the screen, in its order, without notices. */
export const ids = (app, roomId) =>
  app.messages(roomId).filter((message) => message.status !== "notice").map((message) => message.id);

/** A person who has used an invitation, and of whom this app has heard. */
export async function enrolledKnownTo(app, server, name) {
  const newcomer = await enrolled(server, name);
  const { userId } = newcomer.app.me;
  await until(app, () => app.people.some((person) => person.userId === userId));
  return { ...newcomer, userId };
}

/** Two people in one room. */
export async function pairInRoom(server) {
  const alice = await enrolled(server, "alice");
  const bob = await enrolledKnownTo(alice.app, server, "bob");
  const roomId = await alice.app.createRoom("Garden");
  await alice.app.addPeople(roomId, [bob.userId]);
  await until(bob.app, () => bob.app.rooms[0]?.name === "Garden");
  return { alice, bob, roomId };
}
