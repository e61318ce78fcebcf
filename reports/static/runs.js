"use strict";
// The list of runs, narrowed as you type.
(() => {
  const { el } = site.dom;
  const table = document.getElementById("runs");
  const host = document.getElementById("runs-controls");
  if (!table || !host) return;
  const rows = [...table.tBodies[0].rows].map((row) => ({
    row,
    text: row.textContent.toLowerCase(),
  }));
  const count = el("p", { class: "quiet", role: "status", id: "runs-count" });
  const search = el("input", {
    type: "search",
    id: "runs-search",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "scenario, target, date or verdict",
    oninput: apply,
  });
  host.append(
    el(
      "div",
      { class: "controls", role: "search", "aria-label": "Runs" },
      el("div", { class: "field grow" }, el("label", { for: "runs-search" }, "Search"), search),
    ),
    count,
  );

  function apply() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text } of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown++;
    }
    count.textContent = `${site.format.grouped(shown, 0)} of ${site.format.grouped(rows.length, 0)} runs`;
  }

  document.addEventListener("keydown", (event) => {
    if (
      event.key !== "/" ||
      event.target.closest?.("input, select, textarea") ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey
    )
      return;
    event.preventDefault();
    search.focus();
  });
  apply();
})();
