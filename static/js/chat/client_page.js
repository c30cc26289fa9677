// A page with a client at work behind it: what that shows, and what can be done with it.

import { PageState } from "./page_state.js";
import { Problem } from "./problem.js";
import { OFFLINE } from "./views.js";

export class ClientPage extends PageState {
  /** The client at work, or null. @type {import("./client.js").Client | null} */
  client = null;

  // What it shows

  get connection() {
    return this.client?.connection ?? OFFLINE;
  }

  get people() {
    return this.client?.people ?? [];
  }

  get rooms() {
    return this.client?.rooms ?? [];
  }

  /** @returns {import("./files/files.js").Files | null} */
  get files() {
    return this.client?.files ?? null;
  }

  /** @returns {import("./signals.js").Signals | null} */
  get signals() {
    return this.client?.signals ?? null;
  }

  /** @param {string} roomId hex @returns {object[]} in log order, own waiting ones last */
  messages(roomId) {
    return this.client?.messages(roomId) ?? [];
  }

  // Actions; each raises a Problem with a `code` when it was not done

  createRoom(name) {
    return this.#do((client) => client.createRoom(name));
  }

  addPeople(roomId, userIds) {
    return this.#do((client) => client.addPeople(roomId, userIds));
  }

  removePeople(roomId, userIds) {
    return this.#do((client) => client.removePeople(roomId, userIds));
  }

  leaveRoom(roomId) {
    return this.#do((client) => client.leaveRoom(roomId));
  }

  trustRoom(roomId) {
    return this.#do((client) => client.trustRoom(roomId));
  }

  /** @param {File[]} [sources] files to go beside it @returns {Promise<string>} the message's id */
  send(roomId, text, sources = []) {
    return this.#do((client) => client.send(roomId, text, sources));
  }

  createInvite(label) {
    return this.#do((client) => client.createInvite(label));
  }

  rename(name) {
    return this.#do((client) => client.rename(name));
  }

  markRead(roomId) {
    return this.#do((client) => client.markRead(roomId));
  }

  async retryNow() {
    this.client?.retryNow();
  }

  // Internal

  #do(action) {
    if (!this.client) return Promise.reject(new Problem("unavailable"));
    return action(this.client).catch(Problem.raise);
  }
}
