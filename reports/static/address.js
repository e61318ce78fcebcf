"use strict";
// The state of a page in its address, after the `#`: a view can be linked, kept and gone back to.
site.address = (() => {
  /** `{name: text}` from the address; null if it names a place on the page and no state. */
  function read() {
    const text = location.hash.slice(1);
    if (text && !text.includes("=")) return null;
    return Object.fromEntries(new URLSearchParams(text));
  }

  /** Keep a state; empty values are left out. No step of the browser's history for each letter. */
  function write(state) {
    const kept = Object.entries(state).filter(
      ([, value]) => value !== "" && value !== null && value !== undefined,
    );
    const text = new URLSearchParams(kept).toString();
    try {
      history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
    } catch {
      // A page from disk may be refused this; then the address stays as it is.
    }
  }

  return { read, write };
})();
