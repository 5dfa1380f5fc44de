// Draws what an element's data-chart has: times, and a series for each further name. The page's table says the same.
"use strict";

function draw(element) {
  const { at, ...series } = JSON.parse(element.dataset.chart);
  const style = getComputedStyle(document.documentElement);
  const colours = ["--accent", "--good", "--bad"].map((name) => style.getPropertyValue(name).trim());
  const quiet = style.getPropertyValue("--quiet").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const names = Object.keys(series);
  const times = at.map((text) => Date.parse(text.length === 10 ? `${text}T00:00Z` : text) / 1000);
  const size = () => ({ width: element.clientWidth, height: 260 });
  const chart = new uPlot({
    ...size(),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    series: [{}, ...names.map((name, number) => ({
      label: name.replaceAll("_", " "), stroke: colours[number], width: 2, points: { show: times.length < 40 },
    }))],
    axes: [axis, axis],
  }, [times, ...names.map((name) => series[name])], element);
  addEventListener("resize", () => chart.setSize(size()));
}

document.querySelectorAll("[data-chart]").forEach(draw);
