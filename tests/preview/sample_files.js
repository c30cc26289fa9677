/** Files to look at: in every state that one can be in, with a picture drawn here. */

import { withoutNotes } from "./files/picture_notes.js";
import { sampleId } from "./sample.js";

const MEGABYTE = 2 ** 20;
const [LAKE, PLAN, FILM, RECIPE, SONG, LOST, GONE, LIE] = Array.from({ length: 8 }, (_, n) => sampleId(0xf11e00 + n));
const LONG = "minutes of the third floor band, autumn meeting, with everybody's remarks (final).pdf";

/** What a file that calls itself a picture may be instead. */
const SCRIPT = "<svg xmlns='http://www.w3.org/2000/svg'><script>parent.document.title = 'run'</script></svg>";

const FILES = {
  lie: { id: LIE, name: "cat.png", size: SCRIPT.length, mime: "image/png" },
  lake: { id: LAKE, name: "lake.jpg", size: 0.7 * MEGABYTE, mime: "image/jpeg" },
  plan: { id: PLAN, name: LONG, size: 1.3 * MEGABYTE, mime: "application/pdf" },
  film: { id: FILM, name: "jump.mp4", size: 18.4 * MEGABYTE, mime: "video/mp4" },
  recipe: { id: RECIPE, name: "soup.txt", size: 812, mime: "text/plain" },
  song: { id: SONG, name: "second voice.ogg", size: 3.2 * MEGABYTE, mime: "audio/ogg" },
  lost: { id: LOST, name: "cups.png", size: 2.2 * MEGABYTE, mime: "image/png" },
  gone: { id: GONE, name: "old list.ods", size: 40_000, mime: "application/vnd.oasis.opendocument.spreadsheet" },
};

/** Messages with files, behind these. @param {object[]} messages */
export function withFiles(messages) {
  const [mine, other] = [messages.findLast((one) => one.own), messages.findLast((one) => !one.own && one.seq)];
  const next = (like, index, more) => ({
    ...like, id: sampleId(0xabc00 + index), time: mine.time + index * 20_000, seq: null, text: "", ...more,
  });
  const waits = { status: "waiting", own: true };
  return [
    ...messages.slice(-3),
    next(other, 1, { text: "The lake this morning", files: [FILES.lake] }),
    next(other, 2, { files: [FILES.lie, FILES.plan, FILES.recipe, FILES.gone] }),
    next(mine, 3, { text: "Listen to this", files: [FILES.song] }),
    next(mine, 4, { files: [FILES.film], ...waits, post: { code: null, isBroken: false } }),
    next(mine, 5, { text: "The good cups", files: [FILES.lost], ...waits, post: { code: "files_lost", isBroken: true } }),
  ];
}

export class SampleFiles extends EventTarget {
  #transfers = new Map([
    [FILM, { state: "sending", done: 7.9 * MEGABYTE, total: 18.4 * MEGABYTE, code: null }],
    [PLAN, { state: "fetching", done: 0.4 * MEGABYTE, total: 1.3 * MEGABYTE, code: null }],
    [LOST, { state: "failed", done: 0, total: 0, code: "files_lost" }],
    [GONE, { state: "failed", done: 0, total: 0, code: "file_gone" }],
  ]);
  #here = new Map();

  of(id) {
    return this.#transfers.get(id) ?? null;
  }

  here(id) {
    return this.#here.get(id) ?? null;
  }

  async fetch(_roomId, id) {
    const bytes = id === LAKE ? await lake() : id === LIE ? SCRIPT : "sample";
    this.#here.set(id, new Blob([bytes]));
    this.dispatchEvent(new CustomEvent("change", { detail: { id } }));
    return this.here(id);
  }

  stop(id) {
    this.#transfers.delete(id);
    this.dispatchEvent(new CustomEvent("change", { detail: { id } }));
  }

  retry() {}

  async cancel() {}

  prepare(sources) {
    return Promise.all(sources.map(withoutNotes));
  }

  async check(_roomId, sources) {
    const most = 25 * MEGABYTE;
    const isLarge = sources.some((source) => source.size > most);
    if (isLarge) throw Object.assign(new Error("sample"), { code: "file_too_large", details: { most } });
    if (sources.length > 10) throw Object.assign(new Error("sample"), { code: "too_many_files" });
  }
}

/** Water, hills and a sun. */
function lake() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 900, height: 1200 });
  const paint = canvas.getContext("2d");
  for (const [colour, from, height] of [["#f7c9a8", 0, 620], ["#5f7f8c", 500, 200], ["#8fb4bd", 640, 560]]) {
    paint.fillStyle = colour;
    paint.fillRect(0, from, canvas.width, height);
  }
  paint.fillStyle = "#ff7f6a";
  paint.arc(610, 330, 90, 0, 2 * Math.PI);
  paint.fill();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg"));
}
