// Asks for what is new and turns it into DOM events; views listen to them. The protocol is docs/feed.md.
//
// Reads from #sg-app: data-events, data-socket ("" where there is none), data-ticket-url, data-ticket, data-q,
// data-cursor (optional: start there and not from now). Writes data-transport: "websocket" or "polling".
// Fires on document: sg:frame (a frame), sg:state (see state()), sg:error (what, value, do, position).
// Listens to: sg:pause, sg:resume, sg:filter (detail.q).

const POLL_MS = 1000;
const HIDDEN_MS = 2500;
const STALE_MS = 5000;
const RENEW_MS = 25000;
const RETRY_MS = 500;
const MAX_RETRY_MS = 30000;
const NEVER_OPENED_MS = 300000; // most likely there is no socket here: don't fill the server's log
const RATE_MS = 5000;
const LIMIT = 500;
const CATCH_UP = 2000;

const app = document.getElementById("sg-app");

class Feed {
  constructor() {
    this.q = app.dataset.q || new URLSearchParams(location.search).get("q") || "";
    this.cursor = app.dataset.cursor || null;
    this.heard = Date.now();
    this.limit = LIMIT;
    this.recording = null;
    this.newest = null;
    this.serverAhead = 0;
    this.recent = [];
    this.waiting = 0;
    this.pausedAt = undefined; // the cursor to go on from; undefined while it runs
    this.trouble = null;
    this.lastState = "";
  }

  start() {
    this.ticket = new Ticket();
    this.polling = new Polling(this);
    this.socket = new Socket(this, this.polling);
    this.listen();
    this.polling.start();
    this.socket.open();
    setInterval(() => this.say(), 1000);
  }

  listen() {
    document.addEventListener("sg:pause", () => this.pause());
    document.addEventListener("sg:resume", () => this.resume());
    document.addEventListener("sg:filter", (event) => this.filter(event.detail.q || ""));
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    addEventListener("pageshow", (event) => event.persisted && this.hurry());
    addEventListener("online", () => this.hurry());
  }

  get transport() {
    return this.socket.isOpen ? this.socket : this.polling;
  }

  get question() {
    return { after: this.cursor, q: this.q, limit: this.pausedAt === undefined ? this.limit : 1 };
  }

  hurry() {
    this.heard = Date.now(); // a tab that slept heard nothing; that says nothing about the server
    this.socket.hurry();
    this.transport.ask();
  }

  take(frame) {
    this.heard = Date.now();
    this.trouble = null;
    this.cursor = frame.cursor;
    this.limit = LIMIT;
    this.serverAhead = frame.now - Date.now();
    this.newest = frame.newest;
    const fresh = frame.processes.filter((process) => frame.now - process.heartbeat < STALE_MS);
    this.recording = fresh.some((process) => process.recording);
    if (this.pausedAt === undefined) {
      // What is still running is told again each second and has not been dispatched twice.
      this.recent.push([Date.now(), frame.of - frame.dispatches.filter(({ status }) => status === "running").length]);
      fire("sg:frame", frame);
    } else {
      this.waiting += frame.of;
    }
    this.say();
  }

  fail(error) {
    this.trouble = error;
    fire("sg:error", error);
    this.say();
  }

  pause() {
    if (this.pausedAt !== undefined) return;
    this.pausedAt = this.cursor;
    this.waiting = 0;
    this.say();
  }

  // What came meanwhile was only counted: it is asked for again, so a long pause holds nothing in memory.
  resume() {
    if (this.pausedAt === undefined) return;
    this.cursor = this.pausedAt;
    this.pausedAt = undefined;
    this.waiting = 0;
    this.limit = CATCH_UP;
    this.recent = [];
    this.transport.ask();
    this.say();
  }

  filter(q) {
    if (q === this.q) return;
    this.q = q;
    this.recent = [];
    this.trouble = null;
    this.transport.ask();
  }

  get rate() {
    const since = Date.now() - RATE_MS;
    this.recent = this.recent.filter(([at]) => at > since);
    return this.recent.reduce((sum, [, count]) => sum + count, 0) / (RATE_MS / 1000);
  }

  get state() {
    if (Date.now() - this.heard > STALE_MS) return "stale";
    if (this.pausedAt !== undefined) return "paused";
    return this.recording === false ? "off" : "live";
  }

  // newest: unix ms by this browser's clock, so that an age is Date.now() - newest. heard: ms since the last answer.
  say() {
    if (this.socket.isOpen && Date.now() - this.heard > 2 * STALE_MS) this.socket.drop();
    const transport = this.transport.name;
    if (app.dataset.transport !== transport) app.dataset.transport = transport;
    fire("sg:state", {
      state: this.state,
      transport,
      newest: this.newest === null ? null : this.newest - this.serverAhead,
      waiting: this.waiting,
      rate: this.rate,
      heard: Date.now() - this.heard,
      error: this.trouble,
    });
  }
}

class Ticket {
  constructor() {
    this.text = app.dataset.ticket || "";
    this.at = this.text ? Date.now() : 0;
  }

  // Fetched again when it is old: a page that came from the browser's memory carries one from yesterday.
  async fresh() {
    if (Date.now() - this.at < RENEW_MS) return this.text;
    const response = await fetch(app.dataset.ticketUrl, { credentials: "same-origin", cache: "no-store" });
    if (!response.ok) throw new Error(`ticket: ${response.status}`);
    this.text = (await response.json()).ticket;
    this.at = Date.now();
    return this.text;
  }

  forget() {
    this.at = 0;
  }
}

class Polling {
  constructor(feed) {
    this.name = "polling";
    this.feed = feed;
    this.isOn = false;
  }

  start() {
    if (this.isOn) return;
    this.isOn = true;
    this.ask();
  }

  stop() {
    this.isOn = false;
    clearTimeout(this.timer);
    this.abort?.abort();
  }

  ask() {
    if (!this.isOn) return;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = new AbortController();
    this.fetch(this.abort.signal);
  }

  async fetch(signal) {
    let wait = POLL_MS;
    try {
      const response = await fetch(this.url, { credentials: "same-origin", cache: "no-store", signal });
      const answer = await response.json();
      if (signal.aborted) return;
      if (response.ok) {
        this.feed.take(answer);
      } else {
        wait = refused(this.feed, answer.error);
      }
    } catch {
      if (signal.aborted) return;
      wait = STALE_MS; // no answer, or not ours: the state goes stale by itself
    }
    this.timer = setTimeout(() => this.ask(), document.hidden ? Math.max(wait, STALE_MS) : wait);
  }

  get url() {
    const url = new URL(app.dataset.events, location.href);
    for (const [key, value] of Object.entries(this.feed.question)) {
      if (value) url.searchParams.set(key, value);
    }
    return url;
  }
}

class Socket {
  constructor(feed, polling) {
    this.name = "websocket";
    this.feed = feed;
    this.polling = polling;
    this.isOpen = false;
    this.hasOpened = false;
    this.retry = RETRY_MS;
    this.asked = 0;
    this.answered = 0;
  }

  open() {
    clearTimeout(this.timer);
    if (!app.dataset.socket || !window.WebSocket || this.socket) return;
    const url = new URL(app.dataset.socket, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.addEventListener("open", () => this.opened(socket));
    socket.addEventListener("message", (event) => socket === this.socket && this.hear(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => socket === this.socket && this.closed(event.code));
  }

  async opened(socket) {
    let ticket = "";
    try {
      ticket = await this.feed.ticket.fresh();
    } catch {
      socket.close();
      return;
    }
    if (socket !== this.socket || socket.readyState !== WebSocket.OPEN) return;
    this.asked = this.answered = 0;
    this.send({ ticket });
    this.polling.stop();
    this.isOpen = this.hasOpened = true;
    this.renewal = setInterval(() => this.renew(), RENEW_MS);
    this.ask();
  }

  // A cut cable closes nothing: when even the pings stop, don't wait for the browser to notice.
  drop() {
    const socket = this.socket;
    this.closed(1006);
    socket.close();
  }

  closed(code) {
    clearInterval(this.renewal);
    clearTimeout(this.pacing);
    const wasOpen = this.isOpen;
    this.socket = null;
    this.isOpen = false;
    if (code === 4401) this.feed.ticket.forget();
    this.polling.start();
    if (wasOpen && this.proven) this.retry = RETRY_MS;
    this.proven = false;
    this.timer = setTimeout(() => this.open(), this.retry * (0.75 + Math.random() / 2));
    this.retry = this.hasOpened ? Math.min(this.retry * 2, MAX_RETRY_MS) : NEVER_OPENED_MS;
    this.feed.say();
  }

  hurry() {
    if (this.hasOpened && !this.socket) this.open();
  }

  async renew() {
    try {
      this.feed.ticket.forget();
      this.send({ ticket: await this.feed.ticket.fresh() });
    } catch {
      // Not let in any more, or no network: the server closes the socket when the old ticket ends.
    }
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  ask() {
    clearTimeout(this.pacing);
    this.asked += 1;
    this.send(this.feed.question);
  }

  hear(message) {
    this.proven = true;
    this.feed.heard = Date.now();
    if ("ping" in message) return;
    this.answered += 1;
    if (this.answered < this.asked) return; // the answer to a question that has been replaced
    if (message.error) {
      this.pace(refused(this.feed, message.error));
    } else {
      this.feed.take(message);
      this.pace(document.hidden ? HIDDEN_MS : 0);
    }
  }

  // The next question goes out when this answer has been drawn; a slow page asks less often.
  pace(wait) {
    const asked = this.asked;
    const next = () => this.isOpen && this.asked === asked && this.ask();
    clearTimeout(this.pacing);
    if (wait) {
      this.pacing = setTimeout(next, wait);
    } else {
      requestAnimationFrame(() => (document.hidden ? this.pace(HIDDEN_MS) : next()));
      this.pacing = setTimeout(next, HIDDEN_MS); // a tab that was hidden meanwhile draws no frame
    }
  }
}

// A refused question would be refused again: ask seldom, and from now where the cursor is what is wrong.
function refused(feed, error) {
  feed.heard = Date.now();
  feed.fail(error || { what: "The server refused.", value: null, do: "Reload the page." });
  if (error && error.value === feed.cursor) feed.cursor = null;
  return STALE_MS - POLL_MS;
}

function fire(type, detail) {
  document.dispatchEvent(new CustomEvent(type, { detail }));
}

if (app && app.dataset.events) new Feed().start();
