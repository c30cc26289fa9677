/** The entry of the page: shows the app's frame at once, then opens the app itself behind it. */

import "./ui/app_frame.js";
import { invitationIn } from "./ui/links.js";
import { Updates } from "./worker/updates.js";

// An invitation put into the address of an open page changes nothing but the fragment, and loads nothing by itself.
window.addEventListener("hashchange", () => invitationIn(window.location.hash) && window.location.reload());

const frame = document.querySelector("cc-app");
const updates = new Updates(navigator.serviceWorker, window.location);
frame.updates = updates;
try {
  // Loaded after the frame, so that a slow network shows the frame and a lost file shows a remedy.
  const { App } = await import("./chat/app.js");
  frame.app = await App.open({ location: window.location });
} catch (error) {
  console.error(error);
  frame.failure = error instanceof TypeError ? "not_loaded" : (error.code ?? "internal");
}
// Last, because the worker fetches what the page has fetched.
updates.begin();
document.addEventListener("visibilitychange", () => updates.look());
