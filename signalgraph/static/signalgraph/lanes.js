// <sg-lanes>: what was dispatched in the last seconds, one lane a cause, signal, receiver or process, on Canvas 2D.
//
// Marks are gathered in columns of 3 px, so drawing costs the same however many dispatches there are. The table below
// says the same as text. data-seed: where the first marks come from; afterwards sg:frame brings what is new.

const COLUMN_PX = 3;
const MARK_PX = 2;
const HEIGHT_PX = 27;
const MAX_LANES = 14;
const LATE_MS = 400; // the right edge is this far behind now, so that marks come in whole
const ASK_MS = 3000;
const MOST_KNOWN = 20000;
const SIGNS = ["command", "task", "test"]; // kinds of causes with a sign of their own

class Lanes extends HTMLElement {
  connectedCallback() {
    this.by = this.dataset.by;
    this.span = Number(this.dataset.span) * 1000;
    this.slow = Number(this.dataset.slowUs);
    this.lanes = new Map();
    this.causes = new Map();
    this.kinds = new Map(); // of causes, by title
    this.processes = new Map();
    this.unknown = [];
    this.holes = [];
    this.known = new Set();
    this.drawnFrom = 0; // unix ms of the oldest mark where older dispatches are left out
    this.isSeeded = false;
    this.share = 1; // of the traces that are kept
    this.most = MAX_LANES;
    this.serverAhead = 0;
    this.pausedAt = null;
    this.list = element("div", "lanes");
    this.more = element("p", "none");
    this.more.hidden = true;
    this.replaceChildren(axis(this.by, this.span), this.list, this.more);
    this.list.setAttribute("role", "list");
    this.list.setAttribute("aria-label", `Dispatches of the last ${this.span / 1000} s`);
    this.stop = new AbortController();
    const on = (target, type, run) => target.addEventListener(type, run, { signal: this.stop.signal });
    on(document, "sg:frame", (event) => this.take(event.detail));
    on(document, "sg:state", (event) => this.follow(event.detail));
    this.watch = new ResizeObserver(() => {
      this.measure();
      this.draw();
    });
    this.watch.observe(this.list);
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.measure());
    on(document, "sg:theme", () => this.measure());
    on(this.list, "click", (event) => this.open(event));
    on(this.more, "click", (event) => event.target.closest("button") && this.showAll());
    this.seed();
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.next();
  }

  disconnectedCallback() {
    this.stop?.abort();
    this.watch?.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
  }

  next() {
    const wait = this.calm ? 1000 : Math.max(16, this.span / 2500);
    this.timer = setTimeout(() => {
      this.frame = requestAnimationFrame(() => {
        this.draw();
        this.next();
      });
    }, wait);
  }

  // Data

  async seed() {
    try {
      const response = await fetch(this.dataset.seed, { credentials: "same-origin", cache: "no-store" });
      if (!response.ok) return;
      const seed = await response.json();
      this.serverAhead = seed.now - Date.now();
      this.learn(seed);
      this.share = seed.share;
      for (const dispatch of seed.dispatches) this.add(dispatch, this.isWhole(dispatch) ? 1 : 1 / this.share);
      this.drawnFrom = seed.from ?? 0;
      const left = this.drawnFrom > 0 && `the newest ${seed.dispatches.length} of ${Math.max(seed.of, seed.dispatches.length)} drawn`;
      say(left ? `${left}; hatched before` : this.whole());
    } catch {
      this.drawnFrom = this.now();
      say("the past could not be read; what is new is drawn");
    } finally {
      this.isSeeded = true;
      this.rank();
    }
  }

  learn({ causes, processes, kinds }) {
    for (const [title, kind] of Object.entries(kinds)) this.kinds.set(title, kind);
    for (const [trace, title] of Object.entries(causes)) this.causes.set(trace, title);
    for (const [id, label] of Object.entries(processes)) this.processes.set(id, label);
  }

  take(frame) {
    this.serverAhead = frame.now - Date.now();
    if (frame.hole) this.holes.push([this.takenAt || frame.now - 1000, frame.now]);
    this.takenAt = frame.now;
    for (const { id, label } of frame.processes) this.processes.set(id, label);
    // Errors and slow ones are all sent; only the others are a sample and stand for more than themselves.
    const whole = frame.dispatches.filter((each) => this.isWhole(each)).length;
    const weight = Math.max(frame.shown > whole ? (frame.of - whole) / (frame.shown - whole) : 1, 1 / this.share);
    for (const dispatch of frame.dispatches) this.add(dispatch, this.isWhole(dispatch) ? 1 : weight);
    if (frame.of > frame.shown && this.share === 1) {
      say(`showing ${frame.shown} of ${frame.of}, errors and slow ones first`);
      this.sampledAt = frame.now;
    } else if (this.sampledAt && frame.now - this.sampledAt > this.span) {
      say(this.whole());
      this.sampledAt = 0;
    }
    if (frame.dispatches.length) this.rank();
  }

  whole() {
    return this.share < 1 ? "kept traces are drawn, errors and slow ones all; rates are estimated" : "all drawn, none sampled";
  }

  isWhole({ status, calls, duration }) {
    return status === "raised" || calls.some((call) => call.status === "raised") || duration >= this.slow;
  }

  // The page's first frame and the seed overlap, and a dispatch that has changed is told again: each counts once.
  // `weight`: how many dispatches this one stands for, where the feed has sampled.
  add(dispatch, weight = 1) {
    const isNew = !this.known.has(dispatch.id);
    this.known.add(dispatch.id);
    if (this.known.size > MOST_KNOWN) this.known.delete(this.known.values().next().value);
    this.place(dispatch, isNew ? weight : 0);
  }

  place(dispatch, weight) {
    if (this.by !== "receiver") {
      const name = this.nameOf(dispatch);
      if (name === undefined) this.unknown.push([dispatch, weight]);
      else this.mark(name, dispatch, weight, dispatch.calls.find((call) => call.status === "raised")?.error);
      return;
    }
    for (const call of dispatch.calls) {
      if (call.status === "not reached") continue;
      this.mark(bare(call.receiver), dispatch, weight, call.status === "raised" ? call.error : undefined);
    }
  }

  nameOf(dispatch) {
    if (this.by === "process") return this.processes.get(dispatch.trace.split("-")[0]) || dispatch.trace.split("-")[0];
    if (this.by === "signal") return bare(dispatch.signal);
    const cause = this.causes.get(dispatch.trace);
    if (cause === undefined) this.ask();
    return cause;
  }

  // The feed names traces, not causes: ask for them, now and then.
  ask() {
    if (this.asking) return;
    this.asking = setTimeout(async () => {
      try {
        const response = await fetch(this.dataset.seed, { credentials: "same-origin", cache: "no-store" });
        this.learn(await response.json());
        const waiting = this.unknown.splice(0);
        for (const [dispatch, weight] of waiting) if (this.causes.has(dispatch.trace)) this.place(dispatch, weight);
        this.rank();
      } finally {
        this.asking = null;
      }
    }, ASK_MS / 3);
  }

  mark(name, dispatch, weight, error) {
    const lane = this.lanes.get(name) || this.newLane(name);
    const at = Math.floor(dispatch.start / 1000 / this.columnMs);
    let column = lane.columns.get(at);
    if (!column) lane.columns.set(at, (column = { count: 0, longest: 0, trace: dispatch.trace, error: null }));
    column.count += weight;
    if (dispatch.duration >= column.longest || error) column.trace = dispatch.trace;
    column.longest = Math.max(column.longest, dispatch.duration || 0);
    if (error !== undefined) column.error = error || "error";
    lane.longest = Math.max(lane.longest, column.longest);
  }

  // Lanes

  newLane(name) {
    const lane = { name, columns: new Map(), longest: 0, row: null };
    this.lanes.set(name, lane);
    return lane;
  }

  get columnMs() {
    this.columns ??= Math.max(Math.floor(this.laneWidth() / COLUMN_PX), 60);
    return this.span / this.columns;
  }

  laneWidth() {
    return this.querySelector(".marks")?.clientWidth || 600;
  }

  // The busiest first, by name where they are equal; then they keep their place and a new one goes below.
  rank() {
    if (!this.isSeeded) return;
    const waiting = [...this.lanes.values()].filter((lane) => !lane.row && lane.columns.size);
    for (const lane of waiting) lane.count = [...lane.columns.values()].reduce((sum, { count }) => sum + count, 0);
    const label = ({ name }) => split(name, this.by).join(" ");
    waiting.sort((one, other) => other.count - one.count || (label(one) < label(other) ? -1 : 1));
    const room = Math.max(this.most - this.list.children.length, 0);
    for (const lane of waiting.slice(0, room)) this.list.append((lane.row = laneRow(lane, this.by, this.kinds.get(lane.name))));
    const more = Math.max(waiting.length - room, 0);
    this.more.hidden = !more;
    if (more && this.more.dataset.count !== String(more)) {
      this.more.dataset.count = more;
      const button = element("button", "btn small", "show all");
      button.type = "button";
      this.more.replaceChildren(`${more} more lane${more > 1 ? "s" : ""}, less often `, button);
    }
    this.measure();
  }

  showAll() {
    this.most = Infinity;
    this.rank();
    this.draw();
  }

  measure() {
    this.colours = readColours(this);
    const scale = devicePixelRatio || 1;
    for (const { row } of this.lanes.values()) {
      if (!row) continue;
      const canvas = row.querySelector("canvas");
      const width = canvas.clientWidth;
      if (canvas.width === Math.round(width * scale)) continue;
      canvas.width = Math.round(width * scale);
      canvas.height = HEIGHT_PX * scale;
    }
  }

  follow({ state }) {
    this.pausedAt = state === "paused" ? (this.pausedAt ?? this.now()) : null;
    if (state === "stale") this.staleSince ??= this.now();
    else if (this.staleSince) {
      this.holes.push([this.staleSince - 1000, this.now()]);
      this.staleSince = null;
    }
  }

  now() {
    return Date.now() + this.serverAhead - LATE_MS;
  }

  draw() {
    if (document.hidden) return;
    const end = this.pausedAt ?? this.now();
    const first = Math.floor((end - this.span) / this.columnMs);
    this.holes = this.holes.filter(([, to]) => to > end - this.span);
    for (const lane of this.lanes.values()) this.drawLane(lane, end, first);
    this.end = end;
  }

  drawLane(lane, end, first) {
    let count = 0;
    for (const [at, column] of lane.columns) {
      if (at < first && !this.pausedAt) lane.columns.delete(at);
      else count += column.count;
    }
    if (!lane.row) return;
    const canvas = lane.row.querySelector("canvas");
    const context = canvas.getContext("2d");
    const scale = canvas.height / HEIGHT_PX;
    const width = canvas.width / scale;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, HEIGHT_PX);
    this.drawGrid(context, width);
    const x = (ms) => width - ((end - ms) / this.span) * width;
    const begin = end - this.span;
    const undrawn = this.drawnFrom > begin ? [[begin, this.drawnFrom]] : [];
    for (const [from, to] of [...undrawn, ...this.holes, ...(this.staleSince ? [[this.staleSince, end]] : [])]) {
      hatch(context, x(from), Math.min(x(to), width), this.colours);
    }
    context.fillStyle = this.by === "receiver" ? this.colours.receiver : this.colours.signal;
    const top = Math.log1p(Math.max(lane.longest, 1));
    for (const [at, column] of lane.columns) {
      const height = 4 + (Math.log1p(column.longest) / top) * 15;
      context.fillRect(x(at * this.columnMs), HEIGHT_PX - 4 - height, MARK_PX, height);
    }
    const signs = [...lane.columns].filter(([, column]) => column.error || column.longest >= this.slow);
    signs.sort(([one], [other]) => other - one);
    for (const [at, column] of signs) this.drawSign(context, x(at * this.columnMs), column);
    const failed = signs.find(([, column]) => column.error);
    if (failed) this.drawLabel(context, x(failed[0] * this.columnMs), failed[1].error, width);
    const seconds = Math.max(end - Math.max(begin, this.drawnFrom), 1000) / 1000;
    write(lane.row.querySelector(".n"), `${rate(count / seconds)}/s`);
  }

  drawGrid(context, width) {
    context.fillStyle = this.colours.line;
    for (let i = 1; i < 6; i += 1) context.fillRect(Math.round((width * i) / 6), 0, 1, HEIGHT_PX);
  }

  drawSign(context, x, { error }) {
    if (error) {
      context.strokeStyle = this.colours.error;
      context.lineWidth = 2;
      context.beginPath();
      for (const [from, to] of [[-4, 4], [4, -4]]) {
        context.moveTo(x + 1 - 4, 7 + from);
        context.lineTo(x + 1 + 4, 7 + to);
      }
      context.stroke();
    } else {
      context.fillStyle = this.colours.slow;
      context.beginPath();
      context.moveTo(x + 1, 1);
      context.lineTo(x + 5.5, 9);
      context.lineTo(x - 3.5, 9);
      context.fill();
    }
  }

  // The newest error's name, on a plate of its own so that no bar runs through it.
  drawLabel(context, x, error, width) {
    const label = error.split(".").pop();
    context.font = this.colours.font;
    const { width: needed } = context.measureText(label);
    const left = x + 8 + needed + 6 < width ? x + 8 : x - 8 - needed;
    context.fillStyle = this.colours.plate;
    context.fillRect(left - 2, 1, needed + 4, 13);
    context.fillStyle = this.colours.ink;
    context.fillText(label, left, 11);
  }

  // A click opens the trace of the mark below it.
  open(event) {
    const canvas = event.target.closest?.("canvas");
    if (!canvas || !this.end) return;
    const lane = this.lanes.get(canvas.closest(".lane").dataset.name);
    const share = event.offsetX / canvas.clientWidth;
    const at = Math.floor((this.end - this.span * (1 - share)) / this.columnMs);
    const near = [0, -1, 1, -2, 2].map((step) => lane.columns.get(at + step)).find(Boolean);
    if (near) location.assign(this.dataset.traceBase + near.trace + "/");
  }
}

function axis(by, span) {
  const row = element("div", "lane axis");
  row.setAttribute("aria-hidden", "true");
  const marks = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  marks.setAttribute("class", "marks");
  for (let i = 0; i <= 6; i += 1) {
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    text.setAttribute("x", `${(i * 100) / 6}%`);
    text.setAttribute("y", "16");
    text.setAttribute("text-anchor", { 0: "start", 6: "end" }[i] || "middle");
    if (i % 2) text.setAttribute("class", "lo");
    const seconds = (span / 1000) * (1 - i / 6);
    text.textContent = i === 6 ? "now" : `−${Number(seconds.toFixed(1))}${i ? "" : " s"}`;
    marks.append(text);
  }
  row.append(element("div", "name", by), marks, element("div", "n", "rate"));
  return row;
}

function laneRow(lane, by, cause) {
  const row = element("div", "lane");
  row.dataset.name = lane.name;
  row.setAttribute("role", "listitem");
  const name = element("div", "name");
  const kind = { cause: "cause", process: "cause" }[by] || by;
  const sign = by === "cause" && SIGNS.includes(cause) ? cause : kind;
  name.innerHTML = `<svg class="g g-${kind}" aria-hidden="true"><use href="#k-${sign}"/></svg>`;
  const [short, path] = split(lane.name, by);
  name.append(element("code", "", short));
  if (path) name.append(element("span", "path", path));
  name.title = by === "cause" && cause ? `${cause}: ${lane.name}` : lane.name;
  const canvas = element("canvas", "marks");
  canvas.setAttribute("aria-hidden", "true");
  row.append(name, canvas, element("div", "n"));
  return row;
}

function split(name, by) {
  if (by === "cause" || by === "process") return [name, ""];
  const cut = name.lastIndexOf(".");
  return cut < 0 ? [name, ""] : [name.slice(cut + 1), name.slice(0, cut)];
}

function hatch(context, from, to, colours) {
  context.save();
  context.beginPath();
  context.rect(from, 2, Math.max(to - from, 2), HEIGHT_PX - 5);
  context.clip();
  context.strokeStyle = colours.control;
  context.lineWidth = 1;
  context.strokeRect(from, 2, to - from, HEIGHT_PX - 5);
  context.beginPath();
  for (let x = from - HEIGHT_PX; x < to; x += 6) {
    context.moveTo(x, HEIGHT_PX);
    context.lineTo(x + HEIGHT_PX, 0);
  }
  context.stroke();
  context.restore();
}

// Tokens are light-dark() pairs: let the browser resolve them.
function readColours(host) {
  const probe = element("i", "sr");
  host.append(probe);
  const read = (token) => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    signal: read("signal"),
    receiver: read("receiver"),
    error: read("error"),
    slow: read("slow"),
    line: read("line"),
    control: read("line-control"),
    ink: read("ink-2"),
    plate: read("bg"),
    font: `10px ${getComputedStyle(host).fontFamily}`,
  };
  probe.remove();
  return colours;
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function bare(id) {
  return id.replace(/^(signal|sender|receiver):/, "");
}

function rate(value) {
  if (value >= 9.95 || value === 0) return value.toFixed(0);
  return value >= 0.095 ? value.toFixed(1) : value.toFixed(2);
}

function say(text) {
  const place = document.getElementById("sg-drawn");
  if (place) write(place, text);
}

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

customElements.define("sg-lanes", Lanes);
