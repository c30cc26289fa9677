// The only file that touches WebSocket: a connection that is open, whole binary messages, one end.

import { DialFailed } from "./failures.js";

/**
 * Open a WebSocket.
 * @param {string} url ws: or wss:
 * @param {{onMessage: (data: Uint8Array) => void, onEnd: (code: number) => void}} handlers `onEnd` is called once
 * @param {AbortSignal} signal gives up while it is still opening
 * @returns {Promise<{send: (data: Uint8Array) => void, close: (code: number) => void}>}
 * Raises: DialFailed.
 */
export function openWire(url, { onMessage, onEnd }, signal) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    const giveUp = () => socket.close();
    signal.addEventListener("abort", giveUp, { once: true });
    socket.onopen = () => {
      signal.removeEventListener("abort", giveUp);
      resolve({ send: (data) => sendIfOpen(socket, data), close: (code) => socket.close(code) });
    };
    socket.onmessage = ({ data }) => {
      // A text message is no message of ours; the frame parser refuses the empty bytes it becomes.
      onMessage(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array());
    };
    socket.onclose = ({ code }) => {
      // Before it was open this is all the browser tells about a refused connection; afterwards the promise is settled.
      reject(new DialFailed("unavailable"));
      onEnd(code);
    };
  });
}

/** What is sent while the connection closes is lost like bytes on the way; whoever cares waits for an answer. */
function sendIfOpen(socket, data) {
  if (socket.readyState === WebSocket.OPEN) socket.send(data);
}
