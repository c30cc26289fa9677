// The newest connection file that was believed, kept for the next visit.

export class FileKeeper {
  #trust;
  #save;
  #newest = null;
  #keptSerial = 0;

  /**
   * @param {import("./trust.js").Trust} trust
   * @param {(kept: {file: Uint8Array, mirror: string | null, serial: number, digest: Uint8Array}) => Promise<void>} save
   */
  constructor(trust, save) {
    this.#trust = trust;
    this.#save = save;
  }

  /** This one is kept from the last visit. @param {import("../protocol/connection_info.js").ConnectionInfo} info */
  restored({ serial }) {
    this.#keptSerial = serial;
  }

  /**
   * Keep this one, which was believed just now. A disk that is full keeps nobody from going where the file says: it is
   * tried again when the file comes again. Raises: superseded.
   */
  async keep({ info, secret, file, url }) {
    if (info.serial === this.#keptSerial) return;
    this.#newest = info;
    try {
      // Before the file: one that is kept and cannot be opened would be of no use.
      await this.#trust.believed(secret, info);
      // Meanwhile a newer one may have come.
      if (this.#newest !== info) return;
      await this.#save({ file, mirror: url, serial: info.serial, digest: info.digest });
      this.#keptSerial = info.serial;
    } catch (cause) {
      if (cause.code === "superseded") throw cause;
    }
  }
}
