// <sg-graph>: the server's drawing to click, walk and zoom in. A click selects; what it lights comes from the server,
// with the panel, so that it is true to the connections. Positions never change. <sg-numbers> inside keeps it live.
//
// data-pick: the parameter that a click changes where it changes the panel only. Any other link draws another picture.

const ZOOMS = [0.5, 0.67, 0.85, 1, 1.25, 1.5, 2, 3];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NARROW_PX = 600;
const LEAST_SCALE = 0.85;
const READABLE_SCALE = 0.5;
const NOT_LIT = "dim";
const PAN_SHARE = 0.2;

class Graph extends HTMLElement {
  connectedCallback() {
    if (!this.svg || this.leaveForList()) return;
    this.fit();
    this.stop = new AbortController();
    const on = (target, type, run) => target.addEventListener(type, run, { signal: this.stop.signal });
    on(this, "click", (event) => this.pick(event));
    on(this, "keydown", (event) => this.walk(event));
    on(this, "pointerdown", (event) => this.grab(event));
    on(document, "sg:key", (event) => this.key(event));
    on(document, "htmx:afterSettle", () => this.followPanel());
    on(document, "click", (event) => this.zoomButton(event));
    on(this, "sg:redrawn", (event) => this.relight(event.detail.isSame));
    this.followPanel();
  }

  disconnectedCallback() {
    this.stop?.abort();
  }

  get svg() {
    return this.querySelector("svg.graph");
  }

  // A phone has no room for three columns: there the graph opens on its list.
  leaveForList() {
    const url = new URL(location.href);
    if (innerWidth >= NARROW_PX || url.searchParams.has("view")) return false;
    url.searchParams.set("view", "list");
    location.replace(url);
    return true;
  }

  // Selection

  pick(event) {
    const link = event.target.closest?.("a.pick");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (this.moved) return;
    const url = link.getAttribute("href");
    document.querySelector("#sg-app").dataset.opener = link.querySelector(".node")?.id || "";
    const [target, swap] = this.isPick(url) ? ["#sg-panel", "outerHTML"] : ["#main", "innerHTML"];
    window.htmx.ajax("GET", url, { source: this, target, swap });
  }

  // Whether an address differs from this one in what is picked alone.
  isPick(url) {
    const [here, there] = [new URL(location.href), new URL(url, location.href)].map(({ searchParams }) => {
      searchParams.delete(this.dataset.pick);
      searchParams.sort();
      return searchParams.toString();
    });
    return Boolean(this.dataset.pick) && here === there;
  }

  relight(isSame) {
    if (!isSame) this.fit();
    this.focusText = undefined;
    this.followPanel();
  }

  followPanel() {
    const panel = document.getElementById("sg-panel");
    const focus = panel?.dataset.focus || "";
    if (focus === this.focusText) return;
    this.focusText = focus;
    light(this.svg, focus ? JSON.parse(focus) : null);
  }

  // Keys, zoom, pan

  walk(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const next = nearest(this.svg, document.activeElement, arrow);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // w a s d by where they are on the keyboard, whatever stands on them.
  key(event) {
    const { key, code } = event.detail;
    const run = { KeyW: () => this.zoom(1), KeyS: () => this.zoom(-1), KeyA: () => this.pan(-1), KeyD: () => this.pan(1) }[code]
      || { "+": () => this.zoom(1), "-": () => this.zoom(-1), 0: () => this.fitWhole(), f: () => this.centre() }[key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  pan(by) {
    this.scrollBy(by * this.clientWidth * PAN_SHARE, 0);
  }

  centre() {
    const chosen = this.svg.querySelector(".node.sel") || (this.svg.contains(document.activeElement) && document.activeElement);
    if (chosen) chosen.scrollIntoView({ block: "center", inline: "center" });
    else this.fitWhole();
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

function light(svg, focus) {
  const chosen = new Set(focus?.chosen);
  const nodes = new Set(focus?.nodes);
  const lit = new Set(focus?.connections);
  const causes = new Set((focus?.causes || []).map(([from, signal, sender]) => `${from} ${signal}|${sender}`));
  const isOn = (element) => connections(element).some((id) => lit.has(id));
  for (const node of svg.querySelectorAll(".node")) {
    const isSelected = chosen.has(node.id);
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
  for (const wire of svg.querySelectorAll(".wire")) {
    wire.classList.toggle(NOT_LIT, Boolean(focus) && !ends(wire).some((end) => causes.has(end)));
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

customElements.define("sg-graph", Graph);
