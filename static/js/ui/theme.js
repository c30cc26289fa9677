/** Puts the chosen appearance on the page. Loaded first, so that no other colour flashes up before. */

import { preferences } from "./preferences.js";

const BACKDROPS = { light: "#fbf9f9", dark: "#1b1619" };

/** @param {"light"|"dark"|"system"} theme */
export function showTheme(theme) {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  for (const meta of document.querySelectorAll("meta[name=theme-color]")) {
    meta.content = BACKDROPS[theme] ?? BACKDROPS[meta.media.includes("dark") ? "dark" : "light"];
  }
}

showTheme(preferences.get("theme"));
