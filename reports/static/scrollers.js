"use strict";
// Whatever scrolls within the page can be reached and named by keyboard, but only while it scrolls:
// a table that fits is no stop on the way through the page. The skip link works without touching
// the address, which holds the state of filters.
site.scrollers = (() => {
  function look(box) {
    const scrolls =
      box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (scrolls && !box.hasAttribute("tabindex")) {
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", box.dataset.label || "long content, scrolls");
    } else if (!scrolls && box.hasAttribute("tabindex")) {
      box.removeAttribute("tabindex");
      box.removeAttribute("role");
      box.removeAttribute("aria-label");
    }
  }

  const sizes = new ResizeObserver((entries) => {
    for (const entry of entries)
      look(entry.target.matches(".table, .clip") ? entry.target : entry.target.parentElement);
  });

  /** Watch all scrolling boxes within a node, and what is in them. */
  function watch(node) {
    for (const box of node.querySelectorAll(".table, .clip")) {
      sizes.observe(box);
      if (box.firstElementChild) sizes.observe(box.firstElementChild);
      look(box);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    watch(document);
    document.querySelector(".skip")?.addEventListener("click", (event) => {
      event.preventDefault();
      const main = document.getElementById("main");
      main.focus();
      main.scrollIntoView();
    });
  });

  return { watch };
})();
