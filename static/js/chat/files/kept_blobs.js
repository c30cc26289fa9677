// Files that were opened or picked while this page is open, the last used ones: what is shown twice is fetched once.

const MOST_BYTES = 64 * 1024 * 1024;

export class KeptBlobs {
  #blobs = new Map();
  #bytes = 0;

  /** @param {string} id @returns {Blob | null} */
  get(id) {
    const blob = this.#blobs.get(id);
    if (!blob) return null;
    this.#blobs.delete(id);
    this.#blobs.set(id, blob);
    return blob;
  }

  /** @param {string} id @param {Blob} blob one that is larger than all may be together is not kept */
  put(id, blob) {
    if (this.#blobs.has(id) || blob.size > MOST_BYTES) return;
    this.#blobs.set(id, blob);
    this.#bytes += blob.size;
    for (const [oldest, { size }] of this.#blobs) {
      if (this.#bytes <= MOST_BYTES) break;
      this.#blobs.delete(oldest);
      this.#bytes -= size;
    }
  }
}
