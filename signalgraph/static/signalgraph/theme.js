// <sg-theme>: system, light, dark. A cookie keeps it, so that the server writes it into the page and nothing flashes.

const THEMES = ["", "light", "dark"];
const YEAR_S = 31536000;

class Theme extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => this.turn());
    this.say();
  }

  get now() {
    return document.documentElement.dataset.theme || "";
  }

  turn() {
    const next = THEMES[(THEMES.indexOf(this.now) + 1) % THEMES.length];
    if (next) document.documentElement.dataset.theme = next;
    else delete document.documentElement.dataset.theme;
    const path = document.getElementById("sg-app").dataset.base;
    document.cookie = `sg-theme=${next}; path=${path}; max-age=${next ? YEAR_S : 0}; samesite=lax`;
    this.say();
    document.dispatchEvent(new CustomEvent("sg:theme"));
  }

  say() {
    this.querySelector("button").setAttribute("aria-label", `Theme: ${this.now || "system"}`);
    this.querySelector("button").title = `Theme: ${this.now || "system"}`;
  }
}

customElements.define("sg-theme", Theme);
