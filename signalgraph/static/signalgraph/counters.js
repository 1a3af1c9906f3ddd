// Tells the tables and figures when there is something new, and keeps the strip's words exact between its redraws.
//
// Fires on document, for hx-trigger: sg:refresh (when there is something new, at most every 2 s), sg:refresh-slow
// (every 6 s while live) and sg:check (every 2 s, also while nothing is recorded). A part that holds
// the keyboard's focus is not replaced under the reader's fingers.

const REFRESH_MS = 2000;
const SLOW_MS = 6000;

let isLive = true;
let changed = false;
let lost = null;

document.addEventListener("sg:state", ({ detail }) => {
  isLive = detail.state === "live" || detail.state === "off";
});

document.addEventListener("sg:frame", ({ detail: frame }) => {
  if (frame.of || Object.keys(frame.totals).length || Object.keys(frame.unheard).length) changed = true;
  lost = frame.lost;
  const sampled = document.getElementById("sg-sampled");
  if (sampled && !("kept" in sampled.dataset) && frame.of > frame.shown) sampled.textContent = `showing ${frame.shown} of ${frame.of}`;
  const words = document.getElementById("sg-lost");
  if (words && lost !== null && words.dataset.lost !== String(lost)) {
    words.dataset.lost = lost;
    words.textContent = `${lost} lost`;
  }
});

setInterval(() => {
  if (!changed || !isLive || document.hidden) return;
  changed = false;
  document.dispatchEvent(new CustomEvent("sg:refresh", { detail: { isTick: true } }));
}, REFRESH_MS);

setInterval(() => {
  if (isLive && !document.hidden) document.dispatchEvent(new CustomEvent("sg:refresh-slow", { detail: { isTick: true } }));
}, SLOW_MS);

setInterval(() => document.hidden || document.dispatchEvent(new CustomEvent("sg:check")), REFRESH_MS);

document.addEventListener("htmx:beforeRequest", (event) => {
  const cause = event.detail.requestConfig.triggeringEvent?.type || "";
  if (!cause.startsWith("sg:")) return;
  const { activeElement } = document;
  const { target } = event.detail;
  const isInside = target !== activeElement && target.contains(activeElement);
  const isSelecting = !getSelection().isCollapsed && target.contains(getSelection().anchorNode);
  if (isInside || isSelecting) {
    event.preventDefault();
    changed = true;
  }
});

// What was asked for before somebody paused and comes after that is not shown.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (isLive || !detail.requestConfig.triggeringEvent?.detail?.isTick) return;
  detail.shouldSwap = false;
  changed = true;
});
