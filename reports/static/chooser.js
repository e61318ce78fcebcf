"use strict";
// Choose a commit: a text field that lists the commits whose hash, date or message has the typed
// words. The pattern is that of an editable combobox with a list (WAI-ARIA Authoring Practices).
site.chooser = (() => {
  const { el, data } = site.dom;
  const { format } = site;
  const MOST = 50;
  let made = 0;

  /**
   * In `host`, labelled `label`, for all of `commits`. `chosen(number)` is called with the number of
   * a commit. Returns `{set(number)}`.
   */
  function make(host, label, commits, chosen) {
    const id = `chooser-${made++}`;
    const texts = commits.hash.map((hash, at) =>
      `${hash} ${format.day(commits.date[at])} ${commits.subject[at]}`.toLowerCase(),
    );
    let found = [];
    let active = -1;
    let number = null;
    const list = el("ul", {
      role: "listbox",
      id: `${id}-list`,
      "aria-label": `${label}: commits`,
      hidden: true,
    });
    const status = el("span", { class: "visually-hidden", role: "status" });
    const input = el("input", {
      type: "text",
      id,
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": `${id}-list`,
      placeholder: "hash, date or words of the message",
      oninput: open,
      onkeydown: key,
      onfocus: () => input.select(),
      onclick: open,
      onblur: () => {
        close();
        write();
      },
    });
    host.append(
      el("div", { class: "chooser field" }, el("label", { for: id }, label), input, list, status),
    );

    /** Newest first; what was typed, unless it is what stands there for the chosen one. */
    function matching() {
      const typed = input.value.toLowerCase();
      const words =
        number !== null && input.value === text(number) ? [] : typed.split(/\s+/).filter(Boolean);
      const matches = [];
      for (let at = texts.length - 1; at >= 0 && matches.length < MOST; at--) {
        if (words.every((word) => texts[at].includes(word))) matches.push(at);
      }
      return matches;
    }

    function open() {
      found = matching();
      active = found.length ? Math.max(0, found.indexOf(number)) : -1;
      list.replaceChildren(
        ...found.map((at, row) =>
          el(
            "li",
            // The field keeps the focus, so that nothing closes before the click arrives.
            {
              role: "option",
              id: `${id}-${row}`,
              onpointerdown: (event) => event.preventDefault(),
              onclick: () => take(row),
            },
            el("span", { class: "mono" }, commits.hash[at].slice(0, 8) || "—"),
            el("span", null, format.day(commits.date[at])),
            data(commits.subject[at]),
          ),
        ),
      );
      list.hidden = !found.length;
      input.setAttribute("aria-expanded", String(found.length > 0));
      status.textContent = found.length
        ? `${found.length === MOST ? "at least " : ""}${found.length} commits`
        : "no such commit";
      mark();
    }

    function close() {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }

    function mark() {
      [...list.children].forEach((option, row) =>
        option.setAttribute("aria-selected", String(row === active)),
      );
      if (active < 0) {
        input.removeAttribute("aria-activedescendant");
        return;
      }
      input.setAttribute("aria-activedescendant", `${id}-${active}`);
      list.children[active].scrollIntoView({ block: "nearest" });
    }

    function take(row) {
      number = found[row];
      write();
      close();
      chosen(number);
    }

    function key(event) {
      const isOpen = !list.hidden;
      switch (event.key) {
        case "ArrowDown":
        case "ArrowUp":
          if (!isOpen) open();
          else if (found.length)
            active = (active + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
          mark();
          break;
        case "Enter":
          if (!isOpen || active < 0) return;
          take(active);
          break;
        case "Escape":
          if (!isOpen) return;
          write();
          close();
          break;
        default:
          return;
      }
      event.preventDefault();
    }

    function text(at) {
      return `${commits.hash[at].slice(0, 8) || "—"} ${format.day(commits.date[at])} ${commits.subject[at]}`;
    }

    function write() {
      input.value = number === null ? "" : text(number);
    }

    return {
      set(at) {
        number = at;
        write();
      },
    };
  }

  return { make };
})();
