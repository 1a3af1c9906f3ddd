// The keys that work on every page; "?" lists them. Single letters can be switched off.

const CHORD_MS = 1500;
const TYPING = "input, textarea, select, [contenteditable]";
const OFF = "signalgraph.keys";

const dialog = document.getElementById("sg-keys");
const box = document.getElementById("sg-keys-off");
let chordAt = 0;

const areOff = () => localStorage.getItem(OFF) === "off";

if (box) {
  box.checked = areOff();
  box.addEventListener("change", () => localStorage.setItem(OFF, box.checked ? "off" : "on"));
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#sg-keys-button")) dialog?.showModal();
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || dialog?.open) return;
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) return run(event, find);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return escape(event);
  if (event.target.closest?.(TYPING) || areOff()) return;
  if (Date.now() - chordAt < CHORD_MS) return chord(event);
  if (event.key === "/") return run(event, find);
  if (event.key === "?") return run(event, () => dialog?.showModal());
  if (event.key === "g") chordAt = Date.now();
  else press(event);
});

// A button or link that has the key, else whoever listens to sg:key and cancels it.
function press(event) {
  const key = event.key === "=" ? "+" : event.key;
  const target = button(key);
  const offer = new CustomEvent("sg:key", { cancelable: true, detail: { key, code: event.code } });
  if (target) target.click();
  else if (!document.dispatchEvent(offer)) event.preventDefault();
}

function run(event, action) {
  event.preventDefault();
  action();
}

// What is selected is meant before what the page is about.
function button(key) {
  const selector = `[data-key="${CSS.escape(key)}"]`;
  return document.querySelector(`#sg-panel ${selector}`) || document.querySelector(selector);
}

function find() {
  const input = document.getElementById("sg-q");
  input?.focus();
  input?.select();
}

function chord(event) {
  chordAt = 0;
  const link = document.querySelector(`[data-chord="${CSS.escape(event.key)}"]`);
  if (link) run(event, () => link.click());
}

// Out of the filter first, then out of the panel, back to what opened it.
function escape(event) {
  if (event.target.id === "sg-q") {
    event.target.blur();
    return;
  }
  const close = document.querySelector("#sg-panel [data-close]");
  if (!close) return;
  event.preventDefault();
  close.click();
}

let opener = null;

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  const { activeElement } = document;
  if (detail.target.id === "sg-panel" && !detail.elt.matches("[data-close]") && activeElement !== document.body) {
    opener = activeElement.closest("#sg-panel") ? opener : activeElement;
  }
});

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (detail.target?.id !== "sg-panel" && detail.elt?.id !== "sg-panel") return;
  const isOpen = Boolean(document.querySelector("#sg-panel [data-close]"));
  if (!isOpen && opener?.isConnected) opener.focus();
});
