"use strict";
// Light or dark, decided before anything is painted: what the reader chose here, or else what the
// system says. The choice is kept where the browser allows it; a page from disk may not be allowed.
(() => {
  const KEY = "harness-theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try {
      const theme = localStorage.getItem(KEY);
      return theme === "dark" || theme === "light" ? theme : null;
    } catch {
      return null;
    }
  }

  function keep(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Then it lasts as long as this page.
    }
  }

  let chosen = kept();

  function show() {
    const theme = chosen ?? (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.textContent = theme === "dark" ? "Light theme" : "Dark theme";
      button.hidden = false;
    }
  }

  show();
  dark.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme")?.addEventListener("click", () => {
      chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      keep(chosen);
      show();
    });
  });
})();
