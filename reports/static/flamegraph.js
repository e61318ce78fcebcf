"use strict";
// Draws the boxes of #data into #graph. Names come in as text and go out as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const graph = document.getElementById("graph");
  const detail = document.getElementById("detail");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const out = document.getElementById("out");
  const SVG = "http://www.w3.org/2000/svg";
  const HIGH = 18, SIGN = 7.3, LEAST = 0.7;

  // --- the tree: from the flat list, and turned round -------------------------------------------

  const node = (frame, up) => ({ frame, up, depth: up ? up.depth + 1 : 0, a: 0, b: 0, below: [] });

  function upright() {
    const last = [];
    const step = 2 + data.sides;
    for (let at = 0; at < data.boxes.length; at += step) {
      const depth = data.boxes[at];
      const made = node(data.boxes[at + 1], depth ? last[depth - 1] : null);
      made.a = data.boxes[at + 2];
      made.b = data.sides > 1 ? data.boxes[at + 3] : made.a;
      if (made.up) made.up.below.push(made);
      last[depth] = made;
    }
    return finished(last[0]);
  }

  function finished(root) {
    // What a box has by itself, and how wide it is where both sides are drawn: as wide as the
    // larger side, and never narrower than what stands in it.
    const order = [root];
    for (let at = 0; at < order.length; at++) order.push(...order[at].below);
    for (const each of order.reverse()) {
      let a = 0, b = 0, wide = 0;
      for (const child of each.below) { a += child.a; b += child.b; wide += child.wide; }
      each.ownA = Math.max(0, each.a - a);
      each.ownB = Math.max(0, each.b - b);
      each.wide = Math.max(each.a, each.b, wide);
    }
    return root;
  }

  function reversed(root) {
    // Each box by what calls it: the innermost functions at the top, their callers below.
    const made = node(root.frame, null);
    made.a = root.a;
    made.b = root.b;
    const kids = new Map([[made, new Map()]]);
    const waiting = [root];
    while (waiting.length) {
      const each = waiting.pop();
      waiting.push(...each.below);
      if (!each.up || (each.ownA <= 0 && each.ownB <= 0)) continue;
      let place = made;
      for (let at = each; at.up; at = at.up) {
        let next = kids.get(place).get(at.frame);
        if (!next) {
          next = node(at.frame, place);
          kids.get(place).set(at.frame, next);
          kids.set(next, new Map());
          place.below.push(next);
        }
        next.a += each.ownA;
        next.b += each.ownB;
        place = next;
      }
    }
    for (const each of kids.keys()) each.below.sort((x, y) => y.a + y.b - x.a - x.b);
    return finished(made);
  }

  const trees = { upright: upright() };
  let root = trees.upright, zoomed = root, view = data.sides > 1 ? "difference" : "head";
  let matches = new Set(), current = root, boxes = new Map();

  const size = (each) => view === "base" ? each.a : view === "head" ? each.b : each.wide;

  // --- texts ------------------------------------------------------------------------------------

  const number = (value) => {
    if (!value) return "0";
    const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
    return value.toLocaleString("en", { minimumFractionDigits: Math.min(digits, 20),
                                        maximumFractionDigits: Math.min(digits, 20) });
  };
  const scaled = (value, steps, base) => {
    for (const [step, name] of steps) {
      if (Math.abs(value) >= step) return `${number(value / step)} ${name}`;
    }
    return `${number(value)} ${base}`;
  };
  const amount = (value) => {
    if (data.unit === "bytes") return scaled(value, [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]], "B");
    if (data.unit === "instructions") return `${number(value)} instructions`;
    return scaled(value, [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]], "ns");
  };
  const signed = (value) => (value > 0 ? "+" : "") + amount(value);
  const share = (part, whole) => whole ? `${(100 * part / whole).toFixed(1)} %` : "—";
  const place = ([, file, line]) => file ? ` (${file}${line ? ":" + line : ""})` : "";

  function describe(each) {
    const frame = data.frames[each.frame];
    const per = data.per ? " an operation" : "";
    const name = `${frame[0]}${place(frame)}`;
    if (view !== "difference") {
      const [value, own, whole] = view === "base"
        ? [each.a, each.ownA, root.a] : [each.b, each.ownB, root.b];
      return `${name}: ${amount(value)}${per}, ${share(value, whole)} of all; ` +
        `${amount(own)} by itself`;
    }
    return `${name}: by itself ${amount(each.ownA)} before, ${amount(each.ownB)} after ` +
      `(${signed(each.ownB - each.ownA)}); with what it calls ${amount(each.a)} before, ` +
      `${amount(each.b)} after (${signed(each.b - each.a)})${per}`;
  }

  // --- colours ----------------------------------------------------------------------------------

  const dark = () => {
    const set = document.documentElement.dataset.theme;
    return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  function hash(text) {
    let value = 0;
    for (let at = 0; at < text.length; at++) value = (value * 31 + text.charCodeAt(at)) | 0;
    return Math.abs(value) % 1000 / 1000;
  }
  function colour(each, night, most) {
    if (view === "difference") {
      const change = each.ownB - each.ownA;
      const force = most ? (Math.abs(change) / most) ** 0.8 : 0;
      if (force < 0.05) return night ? "hsl(240 5% 26%)" : "hsl(240 8% 92%)";
      const hue = change > 0 ? 2 : 214;
      return night ? `hsl(${hue} ${20 + 40 * force}% ${26 + 12 * force}%)`
        : `hsl(${hue} 85% ${92 - 22 * force}%)`;
    }
    const [name, file] = data.frames[each.frame];
    // Ours warm, what others wrote in Python green, C blue, so that the layers can be seen.
    const hue = !file ? 250 : file.startsWith("harness/") || file.startsWith("suites/") ? 28
      : file === "C" || /\.so/.test(file) ? 205 : 95;
    const vary = hash(name);
    return night ? `hsl(${hue + 16 * vary} 38% ${25 + 9 * vary}%)`
      : `hsl(${hue + 16 * vary} 75% ${76 + 10 * vary}%)`;
  }

  // --- drawing ----------------------------------------------------------------------------------

  function largest(each) {
    let most = 0;
    const waiting = [each];
    while (waiting.length) {
      const at = waiting.pop();
      most = Math.max(most, Math.abs(at.ownB - at.ownA));
      waiting.push(...at.below);
    }
    return most;
  }

  function draw() {
    const width = Math.max(280, graph.clientWidth);
    const night = dark(), most = view === "difference" ? largest(root) : 0;
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("role", "tree");
    svg.setAttribute("aria-label", "Flame graph: callers above, what they call below");
    boxes = new Map();
    let deepest = 0;
    const put = (each, x, wide, above) => {
      const box = document.createElementNS(SVG, "svg");
      box.setAttribute("x", x);
      box.setAttribute("y", each.depth * HIGH);
      box.setAttribute("width", wide);
      box.setAttribute("height", HIGH);
      box.setAttribute("role", "treeitem");
      box.setAttribute("aria-level", each.depth + 1);
      box.setAttribute("aria-selected", String(each === current));
      box.setAttribute("aria-label", describe(each));
      box.setAttribute("tabindex", "-1");
      if (above) box.classList.add("above");
      if (matches.has(each.frame)) box.classList.add("match");
      const rect = document.createElementNS(SVG, "rect");
      rect.setAttribute("width", "100%");
      rect.setAttribute("height", "100%");
      rect.setAttribute("fill", colour(each, night, most));
      box.append(rect);
      const room = Math.floor((wide - 6) / SIGN);
      if (room >= 2) {
        const text = document.createElementNS(SVG, "text");
        text.setAttribute("x", 3);
        text.setAttribute("y", 13);
        const signs = [...data.frames[each.frame][0]];
        text.textContent = signs.length <= room ? signs.join("")
          : signs.slice(0, room - 1).join("") + "…";
        box.append(text);
      }
      box.node = each;
      boxes.set(each, box);
      svg.append(box);
      deepest = Math.max(deepest, each.depth);
    };
    const line = [];
    for (let at = zoomed.up; at; at = at.up) line.push(at);
    for (const each of line.reverse()) put(each, 0, width, true);
    const scale = size(zoomed) ? width / size(zoomed) : 0;
    const waiting = [[zoomed, 0]];
    while (waiting.length) {
      const [each, x] = waiting.pop();
      const wide = size(each) * scale;
      if (wide < LEAST && each !== zoomed) continue;
      put(each, x, each === zoomed ? width : wide, false);
      let at = x;
      for (const child of each.below) {
        waiting.push([child, at]);
        at += size(child) * scale;
      }
    }
    svg.setAttribute("width", width);
    svg.setAttribute("height", (deepest + 1) * HIGH);
    graph.replaceChildren(svg);
    if (!boxes.has(current)) current = zoomed;
    boxes.get(current).setAttribute("tabindex", "0");
    out.disabled = zoomed === root;
  }

  function redraw() {
    const held = graph.contains(document.activeElement);
    draw();
    if (held) boxes.get(current).focus();
  }

  function go(each, held = true) {
    if (!each || !boxes.has(each)) return;
    boxes.get(current)?.setAttribute("tabindex", "-1");
    boxes.get(current)?.setAttribute("aria-selected", "false");
    current = each;
    const box = boxes.get(each);
    box.setAttribute("tabindex", "0");
    box.setAttribute("aria-selected", "true");
    if (held) {
      box.focus({ preventScroll: true });
      const top = each.depth * HIGH;
      if (top < graph.scrollTop) graph.scrollTop = top;
      if (top + HIGH > graph.scrollTop + graph.clientHeight) {
        graph.scrollTop = top + HIGH - graph.clientHeight;
      }
    }
    detail.textContent = describe(each);
  }

  function zoom(each) {
    zoomed = each;
    current = each;
    redraw();
    go(each, graph.contains(document.activeElement));
  }

  // --- search -----------------------------------------------------------------------------------

  function look() {
    const words = search.value.trim().toLowerCase();
    matches = new Set();
    if (words) {
      data.frames.forEach(([name, file], number) => {
        if (`${name} (${file})`.toLowerCase().includes(words)) matches.add(number);
      });
    }
    let part = 0, count = 0;
    const waiting = [[root, false]];
    while (waiting.length) {
      const [each, inside] = waiting.pop();
      const hit = matches.has(each.frame);
      if (hit) count++;
      if (hit && !inside) part += size(each);
      for (const child of each.below) waiting.push([child, inside || hit]);
    }
    found.textContent = !words ? "" : !count ? "no match"
      : `${count} box${count === 1 ? "" : "es"}, ${share(part, size(root))}`;
    for (const [each, box] of boxes) box.classList.toggle("match", matches.has(each.frame));
  }

  function next(step) {
    const hits = [...boxes.keys()].filter((each) => matches.has(each.frame))
      .sort((x, y) => x.depth - y.depth || size(y) - size(x));
    if (!hits.length) return;
    go(hits[(hits.indexOf(current) + step + hits.length) % hits.length]);
  }

  // --- what people do ---------------------------------------------------------------------------

  const boxOf = (event) => event.target.closest?.("[role=treeitem]")?.node;
  graph.addEventListener("click", (event) => { const at = boxOf(event); if (at) zoom(at); });
  graph.addEventListener("mouseover", (event) => {
    const at = boxOf(event);
    if (at) detail.textContent = describe(at);
  });
  graph.addEventListener("focusin", (event) => {
    const at = boxOf(event);
    if (at) detail.textContent = describe(at);
  });
  graph.addEventListener("keydown", (event) => {
    const seen = (each) => each && boxes.has(each);
    const beside = (step) => {
      const line = current.up ? current.up.below.filter(seen) : [];
      return line[line.indexOf(current) + step];
    };
    const widest = () => current.below.filter(seen).sort((x, y) => size(y) - size(x))[0];
    const keys = {
      ArrowUp: () => go(current.up), ArrowDown: () => go(widest()),
      ArrowLeft: () => go(beside(-1)), ArrowRight: () => go(beside(1)),
      Home: () => go(root), Enter: () => zoom(current), " ": () => zoom(current),
      Escape: () => zoom(root), Backspace: () => zoom(zoomed.up || root),
      n: () => next(1), N: () => next(-1),
    };
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName)) {
      event.preventDefault();
      search.focus();
    }
  });
  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") next(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") { search.value = ""; look(); }
  });
  for (const radio of document.querySelectorAll("input[name=view]")) {
    radio.addEventListener("change", () => { view = radio.value; redraw(); look(); });
  }
  document.getElementById("callers").addEventListener("change", (event) => {
    if (event.target.checked) trees.reversed ??= reversed(trees.upright);
    root = event.target.checked ? trees.reversed : trees.upright;
    zoomed = current = root;
    redraw();
    look();
  });
  out.addEventListener("click", () => zoom(root));
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    redraw();
  });
  for (const button of document.querySelectorAll(".find")) {
    button.addEventListener("click", () => {
      search.value = button.dataset.find;
      look();
      graph.scrollIntoView({ block: "nearest" });
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  let resized;
  addEventListener("resize", () => {
    cancelAnimationFrame(resized);
    resized = requestAnimationFrame(redraw);
  });

  draw();
  // A link may name what to look for: flamegraph.html#q=encode
  const asked = new URLSearchParams(location.hash.slice(1)).get("q");
  if (asked) { search.value = asked; look(); }
})();
