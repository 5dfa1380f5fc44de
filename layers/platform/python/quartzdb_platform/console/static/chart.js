// Draws what an element's data-chart has: times, and a series for each further name. The page's table says the same.
"use strict";

function draw(element) {
  const style = getComputedStyle(document.documentElement);
  const colours = ["--accent", "--good", "--bad"].map((name) => style.getPropertyValue(name).trim());
  const quiet = style.getPropertyValue("--quiet").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  // Hours as the table has them, and days where they begin.
  const moments = (_, splits, __, ___, step) => splits.map((seconds) => {
    const text = new Date(seconds * 1000).toISOString();
    return step >= 86400 || text.slice(11, 16) === "00:00" ? text.slice(5, 10) : text.slice(11, 16);
  });
  const size = () => ({ width: element.clientWidth, height: element.classList.contains("low") ? 160 : 260 });
  const data = () => {
    const { at, ...series } = JSON.parse(element.dataset.chart);
    const times = at.map((text) => Date.parse(text.length === 10 ? `${text}T00:00Z` : text) / 1000);
    return { names: Object.keys(series), rows: [times, ...Object.values(series)] };
  };
  const { names, rows } = data();
  const chart = new uPlot({
    ...size(),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    // From nothing on, so that a line's height is what it says; and something where all is nothing.
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.05 : 1] } },
    series: [{}, ...names.map((name, number) => ({
      label: name.replaceAll("_", " "), stroke: colours[number], width: 2, points: { show: rows[0].length < 40 },
    }))],
    axes: [{ ...axis, values: moments }, { ...axis, size: 60 }],
  }, rows, element);
  element.addEventListener("chart:data", () => chart.setData(data().rows));
  addEventListener("resize", () => chart.setSize(size()));
}

document.querySelectorAll("[data-chart]").forEach(draw);
