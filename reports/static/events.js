"use strict";
// The list of events, folded so that one change is one thing to read: what happened to several
// series at the same commit stands as its largest with the others behind a button, and of a long
// list the newest are shown first. Without this script all of it is there.
(() => {
  const { el } = site.dom;
  const SHOWN = 25; // changes before a button
  const FEW = 3; // series of one commit that need no folding

  for (const list of document.querySelectorAll("ol.events")) fold(list);

  function fold(list) {
    const groups = grouped([...list.children]);
    groups.forEach((items, place) => {
      for (const item of items) addComparison(item);
      if (items.length > FEW) foldGroup(items);
      if (place >= SHOWN) for (const item of items) item.classList.add("older");
    });
    if (groups.length > SHOWN) {
      list.classList.add("short");
      const rest = groups.slice(SHOWN).reduce((sum, items) => sum + items.length, 0);
      const button = el(
        "button",
        {
          type: "button",
          onclick: () => {
            list.classList.remove("short");
            button.remove();
            groups[SHOWN][0].querySelector("a")?.focus();
          },
        },
        `Show ${rest} older events`,
      );
      list.after(button);
    }
    // An address that names an event shows it, wherever it is.
    const named = list.querySelector(`#${CSS.escape(location.hash.slice(1) || "none")}`);
    if (named) {
      list.classList.remove("short");
      named.hidden = false;
      named.scrollIntoView({ block: "nearest" });
    }
  }

  /** Neighbours of the same commits and direction. */
  function grouped(items) {
    const groups = [];
    let last = null;
    for (const item of items) {
      const key = `${item.dataset.commits} ${item.dataset.direction}`;
      if (key === last) groups[groups.length - 1].push(item);
      else groups.push([item]);
      last = key;
    }
    return groups;
  }

  function foldGroup(items) {
    const [first, ...others] = items;
    for (const item of others) item.hidden = true;
    const text = `and ${others.length} more series at these commits`;
    const button = el(
      "button",
      {
        type: "button",
        class: "plain",
        "aria-expanded": "false",
        onclick: () => {
          const open = button.getAttribute("aria-expanded") === "true";
          for (const item of others) item.hidden = open;
          button.setAttribute("aria-expanded", String(!open));
        },
      },
      text,
    );
    first.children[1].append(el("div", null, button));
  }

  /** The two commits side by side, for all series. */
  function addComparison(item) {
    const [before, after] = item.dataset.commits.split("..");
    if (!/^[0-9a-f]{8,40}$/.test(before ?? "") || !/^[0-9a-f]{8,40}$/.test(after ?? "")) return;
    const address = `${site.root}compare.html#${new URLSearchParams({ a: before, b: after })}`;
    item.children[2].append(
      el("div", { class: "quiet" }, el("a", { href: address }, "what else changed there")),
    );
  }
})();
