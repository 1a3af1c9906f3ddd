// <sg-live>: the one state control. Live 42/s | Paused 37 new | Recording off | Stale. Space pauses and resumes.
//
// The server may put a button with the same classes inside, for the state before the first answer and without scripts.

const MARKS = {
  live: '<circle cx="5" cy="5" r="4"/>',
  paused: '<path d="M1.5 1h2.5v8H1.5zM6 1h2.5v8H6z"/>',
  off: '<circle cx="5" cy="5" r="4"/>',
  stale: '<circle cx="5" cy="5" r="4"/>',
};
const WORDS = { live: "Live", paused: "Paused", off: "Recording off", stale: "Stale" };
const TYPING = "input, textarea, select, button, summary, [contenteditable], [role=textbox], dialog";
const BUTTON = `<button type="button" class="live"><svg viewBox="0 0 10 10" aria-hidden="true"></svg><b></b><span class="how"></span>
<span class="figure"></span><span class="age"></span></button><span class="sr" role="status"></span>`;

class LiveState extends HTMLElement {
  connectedCallback() {
    this.innerHTML = BUTTON;
    this.button = this.querySelector("button");
    this.isPaused = false;
    this.button.addEventListener("click", () => this.toggle());
    this.onState = (event) => this.show(event.detail);
    this.onKey = (event) => this.key(event);
    document.addEventListener("sg:state", this.onState);
    document.addEventListener("keydown", this.onKey);
    this.show({ state: this.dataset.state || "live", waiting: 0, newest: null, rate: 0, heard: 0, error: null, transport: document.getElementById("sg-app")?.dataset.socket ? "websocket" : "polling" });
  }

  disconnectedCallback() {
    document.removeEventListener("sg:state", this.onState);
    document.removeEventListener("keydown", this.onKey);
  }

  toggle() {
    this.isPaused = !this.isPaused;
    document.dispatchEvent(new CustomEvent(this.isPaused ? "sg:pause" : "sg:resume"));
  }

  key(event) {
    if (event.key !== " " || event.repeat || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.target.closest?.(TYPING)) return;
    event.preventDefault();
    this.toggle();
  }

  show(now) {
    const { button } = this;
    if (this.state !== now.state) {
      const isFirst = this.state === undefined;
      this.state = now.state;
      button.className = `live ${now.state === "stale" ? "is-off is-stale" : `is-${now.state}`}`;
      button.querySelector("svg").innerHTML = MARKS[now.state];
      write(button.querySelector("b"), WORDS[now.state]);
      if (!isFirst) write(this.querySelector("[role=status]"), WORDS[now.state]);
    }
    button.setAttribute("aria-pressed", String(!this.isPaused));
    button.title = this.isPaused ? "Space resumes" : "Space pauses";
    const isPolling = now.state === "live" && now.transport === "polling";
    write(button.querySelector(".how"), isPolling ? "polling" : "");
    if (isPolling) button.title += "; asked every second, as there is no WebSocket";
    write(button.querySelector(".figure"), figure(now));
    write(button.querySelector(".age"), age(now));
  }
}

function figure({ state, waiting, rate }) {
  if (state === "paused") return `${waiting} new`;
  return state === "live" ? `${rate >= 9.95 || rate === 0 ? Math.round(rate) : rate.toFixed(1)}/s` : "";
}

function age({ state, newest, heard, error }) {
  if (error) return error.what;
  if (state === "stale") return `no answer for ${seconds(heard)}`;
  return newest === null ? "no events" : `${seconds(Math.max(0, Date.now() - newest))} ago`;
}

function seconds(ms) {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 90000) return `${Math.round(ms / 1000)} s`;
  return ms < 5400000 ? `${Math.round(ms / 60000)} min` : `${Math.round(ms / 3600000)} h`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

customElements.define("sg-live", LiveState);
