// What the theme's pages lack. The index of the search, a quarter of a megabyte that most readers do not need, is asked for with the
// first key, click or focus and not with every page; and what scripts add to a page is named for those who hear it.
(() => {
  "use strict";
  const waiting = [];
  let used = false;
  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, url, ...more) {
    this.isIndex = new URL(url, location).pathname.endsWith("/search.json");
    open.call(this, method, url, ...more);
  };
  XMLHttpRequest.prototype.send = function (...body) {
    if (this.isIndex && !used) waiting.push(() => send.apply(this, body));
    else send.apply(this, body);
  };
  const use = () => {
    used = true;
    for (const one of waiting.splice(0)) one();
  };
  for (const kind of ["pointerdown", "keydown", "focusin"]) addEventListener(kind, use, { capture: true, once: true });

  // The buttons of each block of code are a landmark, so each has a name. What scrolls sideways is reached by keys.
  const name = () => {
    document.querySelectorAll("nav.md-code__nav").forEach((one, n) => one.setAttribute("aria-label", `Code block ${n + 1}`));
    for (const one of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])"))
      if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
  };
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(name).observe(document.querySelector(".md-content") ?? document.body, { childList: true, subtree: true });
    name();
  });
  addEventListener("resize", name);
})();
