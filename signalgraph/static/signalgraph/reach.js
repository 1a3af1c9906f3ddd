// Brings into view what a narrow screen leaves outside of it: the current tab, and the panel that was just opened.

const NARROW = matchMedia("(max-width: 900px)");
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

let opened = null;

function showTab() {
  const nav = document.getElementById("sg-nav");
  const tab = nav?.querySelector("[aria-current]");
  if (tab) nav.scrollLeft = tab.offsetLeft - nav.offsetLeft - (nav.clientWidth - tab.offsetWidth) / 2;
}

function showPanel() {
  const panel = document.getElementById("sg-panel");
  const selected = panel?.dataset.sel || null;
  if (selected === opened) return;
  opened = selected;
  if (selected && NARROW.matches) panel.scrollIntoView({ behavior: CALM.matches ? "instant" : "smooth", block: "start" });
}

document.addEventListener("htmx:afterSettle", () => {
  showTab();
  showPanel();
});
opened = document.getElementById("sg-panel")?.dataset.sel || null;
showTab();
addEventListener("load", showTab);
addEventListener("resize", showTab);
