"use strict";
// Elements from data. Texts become text nodes and attributes, never markup, so that no name, commit
// message or value can be anything but text.
site.dom = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }

  /** `el("p", {class: "quiet"}, "text", otherNode)`; null children and attributes are left out. */
  function el(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }

  function svg(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
  }

  /** Text from data: isolated, so that its direction does not reorder what stands around it. */
  function data(text, attributes) {
    return el("bdi", { class: "data", ...attributes }, String(text ?? ""));
  }

  /** A link, or the bare text if the address is none of a page or file. */
  function link(href, text) {
    const safe = href && (/^https?:\/\//i.test(href) || !/^[^/?#]*:/.test(href));
    return safe ? el("a", { href }, data(text)) : data(text);
  }

  /** Hand a text to the reader as a file. */
  function download(name, text, type) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const anchor = el("a", { href: address, download: name });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  /** Runs `act` once at the end of a burst of calls, before the next picture is painted. */
  function soon(act) {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        act();
      });
    };
  }

  /** A cell of CSV; one that a spreadsheet would take for a formula is made text. */
  function csvCell(value) {
    let text = String(value ?? "");
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function csv(rows) {
    return rows.map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
  }

  /**
   * A table in a region of its own, which scrolls if it is too wide. `heads` is [[text, class], …],
   * `rows` a tbody or its rows.
   */
  function table(label, heads, rows, wide = false) {
    const cells = heads.map(([text, of]) => el("th", { scope: "col", class: of }, text));
    const body = Array.isArray(rows) ? el("tbody", null, rows) : rows;
    const made = el(
      "table",
      { class: wide && "wide" },
      el("thead", null, el("tr", null, cells)),
      body,
    );
    return el("div", { class: "table", "data-label": label }, made);
  }

  let selects = 0;

  /** A labelled select with options [[value, text], …]; a value that is none of them takes the first. */
  function select(label, options, value, onchange) {
    const id = `select-${selects++}`;
    const field = el("select", { id, onchange: (event) => onchange(event.target.value) });
    for (const [key, text] of options) field.append(el("option", { value: key }, text));
    field.value = value;
    if (field.selectedIndex < 0) field.selectedIndex = 0;
    return el("div", { class: "field" }, el("label", { for: id }, label), field);
  }

  return { el, svg, data, link, download, soon, csv, select, table };
})();
