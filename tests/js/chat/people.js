// People with an app each, and waiting for what happens in it.

import { App } from "../../../static/js/chat/app.js";

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

export function openApp(server, storageName, invitation = "") {
  const location = { hash: invitation ? `#${invitation}` : "", pathname: "/", search: "" };
  return App.open({ location, storageName, environment: server.environment });
}

/** Resolves when the condition holds; fails after `ms`. */
export function until(app, condition, ms = 8000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited in vain for ${condition}`)), ms);
    const look = () => {
      if (!condition()) return;
      clearTimeout(timer);
      clearInterval(again);
      app.removeEventListener("change", look);
      resolve();
    };
    app.addEventListener("change", look);
    const again = setInterval(look, 20);
    look();
  });
}

export const texts = (app, roomId) =>
  app.messages(roomId).filter((message) => message.status !== "notice").map((message) => message.text);

/** Two people in one room. */
export async function pairInRoom(server) {
  const alice = await enrolled(server, "alice");
  const bob = await enrolled(server, "bob");
  const bobId = bob.app.me.userId;
  await until(alice.app, () => alice.app.people.some((person) => person.userId === bobId));
  const roomId = await alice.app.createRoom("Garden");
  await alice.app.addPeople(roomId, [bobId]);
  await until(bob.app, () => bob.app.rooms[0]?.name === "Garden");
  return { alice, bob, roomId };
}
