// The console's frame: Alpine without eval in place of the theme's own, and what the theme's templates ask of it.

import Alpine from "../../vendor/alpine.js";
import { giveKeys } from "./keys.js";

const SIDEBAR = "sidebarDesktopOpen";

/**
 * The state of a whole page, which the theme writes as expressions that only an evaluating Alpine understands.
 *
 * @param {string} tab the tab that a form shows first, empty where there is none
 * @returns {object}
 */
function consolePage(tab = "") {
  return {
    activeTab: tab,
    sidebarMobileOpen: false,
    sidebarDesktopOpen: localStorage.getItem(SIDEBAR) !== "0",
    // Forms ask where they are; without eval there are no globals.
    window: { location: { pathname: location.pathname, search: location.search } },
    init() {
      this.activeTab = window.getCurrentTab() || tab;
      this.$watch(SIDEBAR, (open) => localStorage.setItem(SIDEBAR, open ? "1" : "0"));
    },
  };
}

window.Alpine = Alpine;
document.addEventListener("alpine:init", () => {
  Alpine.data("consolePage", consolePage);
  Alpine.data("theme", window.theme);
  Alpine.data("searchForm", window.searchForm);
});
Alpine.start();
giveKeys();
