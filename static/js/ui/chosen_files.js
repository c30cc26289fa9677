/** The files that are to go out with the next message, each with a way to leave it out. */

import { html, nothing } from "../../vendor/lit.js";
import { kindOf, shownName, sizeWords } from "./file_names.js";
import { icon } from "./icons.js";
import { words } from "./words.js";

/**
 * The first of these that go into one message, with those there are.
 * @param {readonly File[]} chosen @param {readonly File[]} more
 * @param {(files: File[]) => Promise<void>} check rejects with what is wrong with so many, or with one of them
 * @returns {Promise<{chosen: File[], problem: {code: string, details: object}|null}>} and why others do not
 */
export async function withMore(chosen, more, check) {
  let [all, problem] = [[...chosen], null];
  for (const file of more) {
    try {
      await check([...all, file]);
      all = [...all, file];
    } catch (cause) {
      problem = cause;
    }
  }
  return { chosen: all, problem };
}

/** What a problem with files does not say in its own words. @param {{details?: {most?: number}}|null} problem */
export function aboutProblem(problem) {
  const most = problem?.details?.most;
  return most === undefined ? "" : words.files.most(sizeWords(most));
}

/** @param {readonly File[]} chosen @param {(file: File) => void} leaveOut */
export function chosenFiles(chosen, leaveOut) {
  if (chosen.length === 0) return nothing;
  return html`<ul class="chosen" aria-label=${words.files.chosen}>
    ${chosen.map((file) => html`<li>
      ${icon(kindOf(file.type))}
      <bdi class="file-name" title=${file.name}>${shownName(file.name)}</bdi>
      <span class="small soft figures">${sizeWords(file.size)}</span>
      <button
        class="tool" type="button" aria-label=${words.files.leaveOut(shownName(file.name))}
        @click=${() => leaveOut(file)}
      >${icon("close")}</button>
    </li>`)}
  </ul>`;
}

/** The files in what was dropped or pasted. @param {DataTransfer | null} data @returns {File[]} */
export function filesIn(data) {
  return [...(data?.files ?? [])];
}

/** Whether what is dragged holds files; what they are, browsers tell only when they are dropped. */
export function holdsFiles({ dataTransfer }) {
  return dataTransfer?.types.includes("Files") ?? false;
}
