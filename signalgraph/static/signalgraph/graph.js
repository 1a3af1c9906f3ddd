// <sg-graph>: the server's drawing with live numbers. A click selects; what it lights comes from the server, with the
// panel, so that it is true to the connections. Positions never change.
//
// data-baseline: {connection id: [calls ever, errors ever, calls per bar of the window, oldest first ...]};
// data-others: known ids that are not drawn; data-window: the window in seconds,
// data-seconds: how much of it there was a log. The drawing's data-steps say where the steps of heat begin.

const ZOOMS = [0.5, 0.67, 0.85, 1, 1.25, 1.5, 2, 3];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const REDRAW_MS = 2000;
const NARROW_PX = 600;
const LEAST_SCALE = 0.85;
const READABLE_SCALE = 0.5;
const NOT_LIT = "dim";

const asked = new Set(); // new connections for which the drawing was asked for again, once each

class Graph extends HTMLElement {
  connectedCallback() {
    this.svg = this.querySelector("svg");
    if (!this.svg || this.leaveForList()) return;
    this.window = Number(this.dataset.window);
    this.fit();
    this.rates = new Rates(JSON.parse(this.dataset.baseline || "{}"), this.window, Number(this.dataset.seconds));
    this.others = new Set(JSON.parse(this.dataset.others || "[]"));
    this.cells = [...this.svg.querySelectorAll("[data-count]")].map((text) => readCell(text));
    this.steps = (this.svg.dataset.steps || "").split(" ").filter(Boolean).map(Number);
    this.stop = new AbortController();
    const on = (target, type, run) => target.addEventListener(type, run, { signal: this.stop.signal });
    on(this, "click", (event) => this.pick(event));
    on(this, "keydown", (event) => this.key(event));
    on(this, "pointerdown", (event) => this.grab(event));
    on(document, "sg:frame", (event) => this.take(event.detail));
    on(document, "htmx:afterSettle", () => this.followPanel());
    on(document, "click", (event) => this.zoomButton(event));
    this.timer = setInterval(() => this.show(), 1000);
    this.followPanel();
  }

  disconnectedCallback() {
    this.stop?.abort();
    clearInterval(this.timer);
  }

  // A phone has no room for three columns: there the graph opens on its list.
  leaveForList() {
    const url = new URL(location.href);
    if (innerWidth >= NARROW_PX || url.searchParams.has("view")) return false;
    url.searchParams.set("view", "list");
    location.replace(url);
    return true;
  }

  // Numbers

  take(frame) {
    this.noticeNew(Object.keys(frame.totals));
    if (!this.rates.add(frame.totals)) return;
    this.dirty = true;
    for (const group of this.svg.querySelectorAll("[data-errors]")) this.showErrors(group, frame.totals);
  }

  // A connection that the drawing doesn't know is a change of the topology: only then is it laid out again.
  noticeNew(ids) {
    const fresh = ids.filter((id) => !this.rates.rows.has(id) && !this.others.has(id) && !asked.has(id));
    if (!fresh.length) return;
    fresh.forEach((id) => asked.add(id));
    setTimeout(() => {
      if (this.isConnected) window.htmx.ajax("GET", location.href, { target: "#main", swap: "innerHTML" });
    }, REDRAW_MS);
  }

  showErrors(group, totals) {
    const ids = connections(group.closest("[data-connections]"));
    if (!ids.some((id) => id in totals)) return;
    const errors = ids.reduce((sum, id) => sum + this.rates.errors(id), 0);
    if (!errors) return;
    group.removeAttribute("display");
    const text = group.querySelector("text");
    if (text) write(text, errors > 1 ? String(errors) : "");
  }

  show() {
    if (document.hidden || !(this.rates.age() || this.dirty)) return;
    this.dirty = false;
    for (const cell of this.cells) {
      const value = cell.value(this.rates);
      write(cell.text, shorten(value) + cell.unit);
      if (cell.heat) this.showHeat(cell, 1 + this.steps.filter((begin) => value >= begin).length);
    }
  }

  showHeat(cell, step) {
    if (cell.step === step) return;
    cell.step = step;
    setClass(cell.heat, /\bht\d/, `ht${step}`);
    setClass(cell.text, /\bhk\d/, `hk${step}`);
  }

  // Selection

  pick(event) {
    const link = event.target.closest?.("a.pick");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (this.moved) return;
    const url = link.getAttribute("href");
    document.querySelector("#sg-app").dataset.opener = link.querySelector(".node")?.id || "";
    window.htmx.ajax("GET", url, { source: this, target: "#sg-panel", swap: "outerHTML" });
  }

  followPanel() {
    const panel = document.getElementById("sg-panel");
    const focus = panel?.dataset.focus || "";
    if (focus === this.focusText) return;
    this.focusText = focus;
    light(this.svg, focus ? JSON.parse(focus) : null);
    const says = document.getElementById("sg-lit");
    if (!says) return;
    const { total } = says.dataset;
    const lit = focus && JSON.parse(focus).connections.length;
    write(says, focus ? `${lit} of ${total} connections lit` : `${total} connections, each line true by itself`);
  }

  // Keys, zoom, pan

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow && !event.shiftKey) {
      const next = nearest(this.svg, document.activeElement, arrow);
      if (next) {
        event.preventDefault();
        next.focus();
        next.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    } else if (["+", "=", "-", "0", "f"].includes(event.key)) {
      event.preventDefault();
      this.zoom({ "+": 1, "=": 1, "-": -1 }[event.key] || 0);
    }
  }

  zoomButton(event) {
    const button = event.target.closest?.("[data-zoom] [data-by]");
    if (button) this.zoom(Number(button.dataset.by));
  }

  zoom(by) {
    const natural = this.svg.viewBox.baseVal.width;
    const now = this.svg.getBoundingClientRect().width / natural;
    const middle = [this.scrollLeft + this.clientWidth / 2, this.scrollTop + this.clientHeight / 2];
    const { style } = this.svg;
    if (!by) return this.fitWhole();
    const steps = by > 0 ? ZOOMS : [...ZOOMS].reverse();
    const next = steps.find((each) => (by > 0 ? each > now + 0.02 : each < now - 0.02)) || now;
    style.width = style.minWidth = style.maxWidth = `${natural * next}px`;
    this.scrollTo(middle[0] * (next / now) - this.clientWidth / 2, middle[1] * (next / now) - this.clientHeight / 2);
  }

  // As wide as there is room, but no label is drawn larger than 12 px, nor much smaller: then it scrolls.
  fit() {
    const natural = this.svg.viewBox.baseVal.width;
    const { style } = this.svg;
    style.width = "";
    style.maxWidth = `${natural}px`;
    style.minWidth = `${natural * LEAST_SCALE}px`;
  }

  // The whole drawing, as long as it can be read then; else its width.
  fitWhole() {
    const { width, height } = this.svg.viewBox.baseVal;
    const wide = this.clientWidth / width;
    const whole = Math.min(wide, this.clientHeight / height);
    const scale = Math.min(whole < READABLE_SCALE ? Math.max(wide, READABLE_SCALE) : whole, 1);
    const { style } = this.svg;
    style.width = style.minWidth = style.maxWidth = `${Math.floor(width * scale)}px`;
    this.scrollTo(0, 0);
  }

  grab(event) {
    this.moved = false;
    if (event.button || event.pointerType !== "mouse") return;
    const from = [event.clientX, event.clientY, this.scrollLeft, this.scrollTop];
    const drag = new AbortController();
    const move = ({ clientX, clientY }) => {
      if (Math.hypot(clientX - from[0], clientY - from[1]) > 4) this.moved = true;
      if (this.moved) this.scrollTo(from[2] - (clientX - from[0]), from[3] - (clientY - from[1]));
    };
    addEventListener("pointermove", move, { signal: drag.signal });
    addEventListener("pointerup", () => drag.abort(), { once: true });
  }
}

// Calls per connection in a window that moves: bars of equal length, the last one growing.
class Rates {
  // `seconds` is how much of the window there was something to count in; it grows until it is all of it.
  constructor(baseline, windowS, seconds) {
    this.window = windowS;
    this.began = Date.now() - seconds * 1000;
    this.rows = new Map();
    for (const [id, [calls, errors, failed, ...bars]] of Object.entries(baseline)) {
      this.rows.set(id, { calls, errors, failed, bars });
    }
    this.count = Math.max(...[...this.rows.values()].map((row) => row.bars.length), 1);
    this.barMs = (windowS * 1000) / this.count;
    this.turnedAt = Date.now();
  }

  add(totals) {
    let changed = false;
    for (const [id, total] of Object.entries(totals)) {
      const row = this.rows.get(id);
      if (!row) continue;
      if (!row.bars.length) row.bars = new Array(this.count).fill(0);
      row.bars[row.bars.length - 1] += Math.max(total.calls - row.calls, 0);
      row.failed += Math.max(total.errors - row.errors, 0);
      row.calls = total.calls;
      row.errors = total.errors;
      changed = true;
    }
    return changed;
  }

  // Drop the bars that have left the window; whether any did.
  age() {
    const passed = Math.floor((Date.now() - this.turnedAt) / this.barMs);
    if (!passed) return false;
    this.turnedAt += passed * this.barMs;
    for (const row of this.rows.values()) {
      if (!row.bars.length) continue;
      row.bars = [...row.bars.slice(passed), ...new Array(Math.min(passed, this.count)).fill(0)];
    }
    return true;
  }

  get seconds() {
    return Math.min(this.window, (Date.now() - this.began) / 1000);
  }

  of(id) {
    return (this.rows.get(id)?.bars || []).reduce((sum, calls) => sum + calls, 0) / this.seconds;
  }

  errors(id) {
    return this.rows.get(id)?.failed || 0;
  }
}

// A receiver's calls add up; of a port and of a signal dispatches are shown, which the busiest receiver counts.
function readCell(text) {
  const group = text.closest("[data-kind]");
  const heat = text.previousElementSibling?.classList.contains("heat") ? text.previousElementSibling : null;
  const unit = text.textContent.endsWith("/s") ? "/s" : "";
  if (group.dataset.kind === "signal") {
    const ports = [...group.querySelectorAll(".port")].map((port) => [port.id.endsWith("|*"), connections(port)]);
    return { text, heat, unit, value: (rates) => ofSignal(ports, rates) };
  }
  const ids = connections(group);
  const value = group.dataset.kind === "port" ? ofPort : ofReceiver;
  return { text, heat, unit, value: (rates) => value(ids, rates) };
}

function ofReceiver(ids, rates) {
  return ids.reduce((sum, id) => sum + rates.of(id), 0);
}

function ofPort(ids, rates) {
  const byReceiver = new Map();
  for (const id of ids) {
    const receiver = id.slice(id.lastIndexOf("|") + 1);
    byReceiver.set(receiver, (byReceiver.get(receiver) || 0) + rates.of(id));
  }
  return Math.max(0, ...byReceiver.values());
}

function ofSignal(ports, rates) {
  const own = ports.filter(([isAny]) => !isAny).reduce((sum, [, ids]) => sum + ofPort(ids, rates), 0);
  return Math.max(own, ...ports.filter(([isAny]) => isAny).map(([, ids]) => ofPort(ids, rates)));
}

function light(svg, focus) {
  const nodes = new Set(focus?.nodes);
  const lit = new Set(focus?.connections);
  const causes = new Set((focus?.causes || []).map(([from, signal, sender]) => `${from} ${signal}|${sender}`));
  const isOn = (element) => connections(element).some((id) => lit.has(id));
  for (const node of svg.querySelectorAll(".node")) {
    const isSelected = Boolean(focus) && node.id === focus.selected;
    node.classList.toggle("sel", isSelected);
    node.classList.toggle(NOT_LIT, Boolean(focus) && !nodes.has(node.id));
    display(node.querySelector(".ring"), isSelected);
    const name = node.querySelector(":scope > text");
    if (name && node.dataset.kind !== "signal") name.classList.toggle("hd", Boolean(focus) && nodes.has(node.id));
  }
  for (const port of svg.querySelectorAll(".port")) {
    const isLit = nodes.has(port.id);
    port.classList.toggle(NOT_LIT, Boolean(focus) && !isLit);
    const row = port.querySelector(".portrow");
    row?.classList.toggle("on", Boolean(focus) && isLit);
  }
  for (const edge of svg.querySelectorAll(".edge")) edge.classList.toggle(NOT_LIT, Boolean(focus) && !isOn(edge));
  const shown = new Set();
  for (const route of svg.querySelectorAll(".route")) {
    const isLit = ends(route).some((end) => causes.has(end));
    route.classList.toggle("on", isLit);
    display(route, isLit);
    if (isLit) ends(route).forEach((end) => shown.add(end));
  }
  for (const stub of svg.querySelectorAll(".stub")) {
    const isWhole = ends(stub).some((end) => shown.has(end));
    display(stub, !isWhole);
    stub.classList.toggle(NOT_LIT, Boolean(focus) && !isWhole);
  }
}

function nearest(svg, from, [dx, dy]) {
  const all = [...svg.querySelectorAll("a.pick")];
  if (!all.includes(from)) return all.find((each) => each.querySelector(".sel")) || all[0];
  const here = middle(from);
  let best = null;
  for (const each of all) {
    const there = middle(each);
    const along = (there[0] - here[0]) * dx + (there[1] - here[1]) * dy;
    const aside = Math.abs((there[0] - here[0]) * dy) + Math.abs((there[1] - here[1]) * dx);
    const cost = along + 3 * aside;
    if (each !== from && along > 4 && (!best || cost < best[0])) best = [cost, each];
  }
  return best?.[1];
}

function middle(element) {
  const box = element.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}

function connections(element) {
  if (!element) return [];
  element.sgConnections ??= JSON.parse(element.dataset.connections || "[]");
  return element.sgConnections;
}

function ends(element) {
  const to = JSON.parse(element.dataset.to || "[]");
  return JSON.parse(element.dataset.from || "[]").map((from, i) => `${from} ${to[i]}`);
}

function display(element, isShown) {
  if (isShown) element?.removeAttribute("display");
  else element?.setAttribute("display", "none");
}

function setClass(element, pattern, name) {
  const before = element.getAttribute("class") || "";
  element.setAttribute("class", pattern.test(before) ? before.replace(pattern, name) : `${before} ${name}`);
}

function shorten(value) {
  if (value <= 0) return "0";
  if (value < 0.095) return value >= 0.005 ? value.toFixed(2) : "<.01";
  for (const unit of ["", "k", "M", "G"]) {
    if (value < 9.95 && (unit || value !== Math.trunc(value))) return value.toFixed(1).replace(/\.0$/, "") + unit;
    if (value < 999.5) return value.toFixed(0) + unit;
    value /= 1000;
  }
  return ">1T";
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

customElements.define("sg-graph", Graph);
