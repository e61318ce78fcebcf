"use strict";
// What every other script stands on: the data of the page, and the loader of data files.
//
// Pages open from disk, where a browser allows neither modules nor requests. Data files are
// therefore classic scripts which call `harnessData(KEY, VALUE)`; KEY is the file's path below the
// site, without `.js`. Each file of the site adds one name to `site`.
const site = (() => {
  const root = document.documentElement.dataset.root ?? "";
  const waiting = new Map(); // key -> {promise, resolve, reject}

  /** The value that the data file `key` hands over. Loaded once; rejects if it is missing. */
  function load(key) {
    const known = waiting.get(key);
    if (known) return known.promise;
    const entry = {};
    entry.promise = new Promise((resolve, reject) => {
      entry.resolve = resolve;
      entry.reject = reject;
    });
    waiting.set(key, entry);
    const script = document.createElement("script");
    // A run's name may hold what has a meaning in an address, but its folders stay folders.
    script.src = root + key.split("/").map(encodeURIComponent).join("/") + ".js";
    script.dataset.key = key; // stands in the document for as long as the file is awaited
    script.addEventListener("error", () => {
      script.remove();
      waiting.delete(key); // asked again, it is tried again
      entry.reject(new Error(`${key}.js could not be read`));
    });
    script.addEventListener("load", () => {
      // Does nothing if the file has handed its value over.
      entry.reject(new Error(`${key}.js holds no data`));
      script.remove();
    });
    document.head.append(script);
    return entry.promise;
  }

  /** What a data file calls; a value that nobody asked for is dropped. */
  function receive(key, value) {
    waiting.get(key)?.resolve(value);
  }

  function bytes(text) {
    const raw = atob(text);
    const out = new Uint8Array(raw.length);
    for (let at = 0; at < raw.length; at++) out[at] = raw.charCodeAt(at);
    return out;
  }

  /** `{"f4": …}` or `{"u4": …}` → a typed array. Little-endian, as is every machine with a browser. */
  function numbers(packed) {
    if (packed === null || packed === undefined) return null;
    if ("f4" in packed) return new Float32Array(bytes(packed.f4).buffer);
    if ("u4" in packed) return new Uint32Array(bytes(packed.u4).buffer);
    throw new Error(`numbers of an unknown kind: ${Object.keys(packed).join(", ")}`);
  }

  /** The page's own data, or null. */
  function pageData() {
    const holder = document.getElementById("page-data");
    return holder ? JSON.parse(holder.textContent) : null;
  }

  return { root, load, receive, numbers, pageData };
})();

function harnessData(key, value) {
  site.receive(key, value);
}
