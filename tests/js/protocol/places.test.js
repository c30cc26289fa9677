import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LIST_NAME, MegaFolder, parsePlace, WebPlace } from "../../../static/js/protocol/places.js";

const FOLDER = "/folder/aB3_-xYz#AAECAwQFBgcICQoLDA0ODw";

test("the list lies where a browser would look", () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,6}$/);
  const host = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}\.example$/);
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }));
  fc.assert(
    fc.property(host, port, fc.array(segment, { maxLength: 4 }), (name, number, segments) => {
      const url = `https://${name}${number === null ? "" : `:${number}`}/${segments.join("/")}`;
      assert.equal(new URL(parsePlace(url).beside(LIST_NAME)).href, new URL(LIST_NAME, url).href);
    }),
  );
});

test("no text is a place that leads elsewhere than it says", () => {
  const letters = [..."https://mega.nz/folder/#@:[]127.0.0.1localhost?=%\\ \n\t"];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...letters), { maxLength: 40 }), (tail) => {
      for (const start of ["", "https://", "http://127.0.0.1", "https://a.example", "https://mega.nz/folder/"]) {
        const place = parsePlace(start + tail.join(""));
        if (!(place instanceof WebPlace) || !URL.canParse(place.url)) continue;
        const url = new URL(place.url);
        assert.deepEqual([url.username, url.password, url.hash], ["", "", ""]);
        assert.ok(url.protocol === "https:" || ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname));
        const shown = place.host.replace(/:.*$/, "");
        assert.ok(url.hostname.startsWith("[") || /^[0-9.]+$/.test(url.hostname) || shown === url.hostname);
      }
    }),
  );
});

test("MEGA is asked at its own gateway, an emulator at its own origin on this machine", () => {
  assert.equal(parsePlace(`https://mega.nz${FOLDER}`).gateway, "https://g.api.mega.co.nz/cs");
  for (const origin of ["http://127.0.0.1:8123", "http://localhost:8123", "http://[::1]:8123"]) {
    const place = parsePlace(origin + FOLDER);
    assert.ok(place instanceof MegaFolder);
    assert.deepEqual([place.handle, place.gateway, place.key.length], ["aB3_-xYz", `${origin}/cs`, 16]);
  }
  assert.equal(parsePlace(`https://mega.example${FOLDER}`), null);
  assert.equal(parsePlace(`http://192.168.0.1${FOLDER}`), null);
});

test("no log shows a key or a path by mistake", () => {
  for (const url of [`https://mega.nz${FOLDER}`, "https://chat.example/secret-path/connection.json"]) {
    assert.equal(JSON.stringify(parsePlace(url)), "{}");
  }
});
