"use strict";
// The page of peers: ours against theirs as ratios; the tables stand in the page.
(() => {
  const page = site.pageData();
  const host = document.getElementById("ratios");
  if (!page || !host) return;
  const { el, link, table } = site.dom;
  const { ratios } = page;
  if (!ratios.length) {
    host.append(el("p", null, "No run has measured this yet."));
    return;
  }
  const picture = el("div", null);
  /** Whether ours is better, as far as the interval tells. */
  function sense({ lo, hi, better }) {
    if (lo === null || hi === null) return "plain";
    if (lo <= 1 && hi >= 1) return "unsure";
    return hi < 1 === (better === "lower") ? "faster" : "slower";
  }

  const SAID = {
    faster: "▼ ours is better",
    slower: "▲ ours is worse",
    unsure: "? could be equal",
    plain: "",
  };
  const text = (value) => (value === null ? "" : `${site.format.number(value)}×`);
  const rows = ratios.map((ratio) => {
    const { name, value, lo, hi, run } = ratio;
    const word = sense(ratio);
    return el(
      "tr",
      null,
      el(
        "th",
        { scope: "row" },
        run ? link(`${site.root}r/${encodeURIComponent(run)}.html`, name) : site.dom.data(name),
      ),
      el("td", { class: "right" }, text(value)),
      el("td", { class: "right" }, lo === null || hi === null ? "" : `${text(lo)} … ${text(hi)}`),
      el("td", null, el("span", { class: word }, SAID[word])),
    );
  });
  const heads = [
    ["figure", null],
    ["ours ÷ theirs", "right"],
    ["95 % interval", "right"],
    ["in words", null],
  ];
  host.append(picture, table("Ratios", heads, rows));
  site.ratios.show(
    picture,
    "Ours ÷ theirs, with 95 % intervals",
    ratios.map((row) => ({ ...row, word: sense(row) })),
  );
  site.scrollers.watch(host);
})();
