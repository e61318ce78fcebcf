"use strict";
// The page of one run: its distributions and its course, from the data file beside it.
(async () => {
  const { el } = site.dom;
  const page = site.pageData();
  const distribution = document.getElementById("distribution-part");
  const course = document.getElementById("timeline-part");
  if (!page || !distribution || !course) return;
  let run;
  try {
    run = await site.load(page.key);
  } catch (error) {
    distribution.append(
      el(
        "p",
        { class: "note warn" },
        `The charts cannot be drawn: ${error.message}. Was the whole folder of the site copied?`,
      ),
    );
    return;
  }
  showDistributions(Object.entries(run.histograms ?? {}));
  if (run.series?.length) {
    site.timeline.show(section(course, "course-title", "Course"), run.series);
  }

  function section(host, id, title) {
    const made = el("section", { "aria-labelledby": id }, el("h2", { id }, title));
    host.append(made);
    return made;
  }

  function showDistributions(found) {
    if (!found.length) return;
    const host = section(distribution, "distribution-title", "Latency and service time");
    const plot = el("div", null);
    const bars = el("div", { class: "panels" });
    host.append(
      el(
        "p",
        { class: "quiet" },
        "Latency counts from when an operation was meant to start, service time from when it was sent.",
      ),
      plot,
      bars,
    );
    site.distribution.show(
      plot,
      "Percentiles of whole histograms",
      found.map(([label, { p, v }]) => ({ label, p, v })),
    );
    for (const [name, cells] of Object.entries(run.counts ?? {}))
      site.counts.show(bars, `${name}: how many operations took so long`, cells);
  }
})();
