// <sg-numbers>: the numbers in a drawing, live. Nothing in it moves; another topology is drawn anew.
//
// With data-baseline they follow the feed: {connection id: [calls ever, errors ever, calls per bar of the window, oldest
// first ...]}; data-others: known ids that are not drawn; data-window: the window in seconds, data-seconds: how much of
// it there was a log. The drawing's data-steps say where the steps of heat begin. Without it (p95, stages, apps) the
// drawing is asked for again when there is something new, and its numbers are put into this one.

const REDRAW_MS = 2000;

const asked = new Set(); // new connections for which the drawing was asked for again, once each

class Numbers extends HTMLElement {
  connectedCallback() {
    this.svg = this.querySelector("svg.graph");
    this.stop = new AbortController();
    const on = (type, run) => document.addEventListener(type, run, { signal: this.stop.signal });
    if (!this.svg) return;
    if ("baseline" in this.dataset) this.feed(on);
    else on("sg:refresh", () => this.look());
  }

  disconnectedCallback() {
    this.stop.abort();
    clearInterval(this.timer);
  }

  feed(on) {
    this.rates = new Rates(JSON.parse(this.dataset.baseline), Number(this.dataset.window), Number(this.dataset.seconds));
    this.others = new Set(JSON.parse(this.dataset.others || "[]"));
    this.cells = [...this.svg.querySelectorAll("[data-count]")].map((text) => readCell(text));
    this.steps = (this.svg.dataset.steps || "").split(" ").filter(Boolean).map(Number);
    on("sg:frame", (event) => this.take(event.detail));
    this.timer = setInterval(() => this.show(), 1000);
  }

  take(frame) {
    this.noticeNew(Object.keys(frame.totals));
    if (!this.rates.add(frame.totals)) return;
    this.dirty = true;
    for (const group of this.svg.querySelectorAll("[data-errors]")) this.showErrors(group, frame.totals);
    for (const each of this.svg.querySelectorAll(".unseen[data-connections]")) {
      if (connections(each).some((id) => id in frame.totals)) each.classList.remove("unseen");
    }
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

  // The same drawing with the numbers of now. Only where other things are in it is it put in the place of this one.
  async look() {
    const { href } = location;
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      const answer = await fetch(href, { headers: { "HX-Request": "true", "HX-Target": "sg-drawing" } });
      const text = answer.ok ? await answer.text() : "";
      const svg = new DOMParser().parseFromString(text, "text/html").querySelector("svg.graph");
      if (svg && this.isConnected && href === location.href) this.put(svg);
    } catch {
      // nothing answers: the state control says so
    } finally {
      this.isLooking = false;
    }
  }

  put(svg) {
    const ids = (each) => [...each.querySelectorAll("[id]")].map((element) => element.id).join(" ");
    const isSame = ids(svg) === ids(this.svg) && svg.children.length === this.svg.children.length;
    if (isSame) {
      const fresh = [...svg.children];
      [...this.svg.children].forEach((part, i) => {
        if (part.matches("a.pick")) part.replaceChildren(...fresh[i].childNodes); // the focus stays on it
        else part.replaceWith(fresh[i]);
      });
    } else {
      this.svg.replaceWith(svg);
      this.svg = svg;
    }
    this.dispatchEvent(new CustomEvent("sg:redrawn", { bubbles: true, detail: { isSame } }));
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

function connections(element) {
  if (!element) return [];
  element.sgConnections ??= JSON.parse(element.dataset.connections || "[]");
  return element.sgConnections;
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

customElements.define("sg-numbers", Numbers);
