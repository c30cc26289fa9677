/** The entry of the page: shows the app's frame at once, then opens the app itself behind it. */

import "./ui/app_frame.js";

const frame = document.querySelector("cc-app");
try {
  // Loaded after the frame, so that a slow network shows the frame and a lost file shows a remedy.
  const { App } = await import("./chat/app.js");
  frame.app = await App.open({ location: window.location });
} catch (error) {
  console.error(error);
  frame.failure = error instanceof TypeError ? "not_loaded" : (error.code ?? "internal");
}
