// Keys for what the theme made for pointers alone: things that are clicked and are neither links nor buttons.

const CLICKED = ":is(.cursor-pointer, .material-symbols-outlined)[x-on\\:click]:not(button, a[href], input, label)";
// The theme's icons are words that a font draws; what they spell is no name for anything.
const NAMES = { dock_to_right: "Side bar", light_mode: "Theme", dark_mode: "Theme", computer: "Theme" };

/** Gives each of them a place in the order of tabs and a name, and lets Enter and the space bar click it. */
export function giveKeys() {
  for (const element of document.querySelectorAll(CLICKED)) {
    element.tabIndex = 0;
    element.setAttribute("role", "button");
    const name = NAMES[element.innerText.trim()];
    if (name) element.setAttribute("aria-label", name);
    element.addEventListener("keydown", (event) => {
      if (event.target !== element || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      element.click();
    });
  }
}
