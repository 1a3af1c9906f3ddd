// <sg-theme>: light or dark, the system's until it is turned. A cookie keeps it, so that the server writes it into the page and nothing flashes.

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");
const YEAR_S = 31536000;

class Theme extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => this.turn());
    this.say();
    SYSTEM.addEventListener("change", () => this.say());
  }

  get shown() {
    return document.documentElement.dataset.theme || systems();
  }

  // To the other of what is shown; where that is the system's, it follows the system again.
  turn() {
    const other = this.shown === "dark" ? "light" : "dark";
    const next = other === systems() ? "" : other;
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
    const path = document.getElementById("sg-app").dataset.base;
    document.cookie = `sg-theme=${next}; path=${path}; max-age=${next ? YEAR_S : 0}; samesite=lax`;
    this.say();
    document.dispatchEvent(new CustomEvent("sg:theme"));
  }

  say() {
    const whose = document.documentElement.dataset.theme ? "chosen here" : "as the system";
    const text = `Theme: ${this.shown}, ${whose}`;
    this.querySelector("button").setAttribute("aria-label", text);
    this.querySelector("button").title = text;
  }
}

function systems() {
  return SYSTEM.matches ? "dark" : "light";
}

customElements.define("sg-theme", Theme);
