// Puts fresh figures where the old ones stand, and touches nothing else: what has the focus keeps it, and nothing moves.
"use strict";

const still = matchMedia("(prefers-reduced-motion: reduce)");

function refresh(shown, fresh) {
  if (fresh.dataset.chart !== undefined) {
    if (shown.dataset.chart === fresh.dataset.chart) return;
    shown.dataset.chart = fresh.dataset.chart;
    shown.dispatchEvent(new Event("chart:data"));
  } else if (shown.tagName === "PROGRESS") {
    shown.value = fresh.value;
  } else if (fresh.dataset.figure !== undefined && shown.textContent !== fresh.textContent) {
    shown.textContent = fresh.textContent;
    if (!still.matches) shown.animate([{ opacity: 0.3 }, { opacity: 1 }], 400);
  }
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const live = event.target.closest("[data-live]");
  if (live && (document.hidden || live.dataset.paused !== undefined)) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.target.closest("[data-live]") || !event.detail.shouldSwap) return;
  event.detail.shouldSwap = false;
  const fresh = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  if (!fresh.querySelector("[data-live]")) location.reload(); // signed out meanwhile: the page says so
  for (const one of fresh.querySelectorAll("[data-live] [id]")) {
    const shown = document.getElementById(one.id);
    if (shown) refresh(shown, one);
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-pause]");
  if (!button) return;
  const live = document.getElementById(button.dataset.pause);
  const label = button.textContent;
  live.toggleAttribute("data-paused");
  button.textContent = button.dataset.pausedLabel;
  button.dataset.pausedLabel = label;
});
