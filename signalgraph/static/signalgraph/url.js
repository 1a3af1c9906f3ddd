// Keeps what lives outside the swapped parts in step with the URL: the filter's form, the feed's filter, the links.

const app = document.getElementById("sg-app");

function follow() {
  const params = new URLSearchParams(location.search);
  const form = document.getElementById("sg-find");
  const input = document.getElementById("sg-q");
  const q = params.get("q") || "";
  if (input && document.activeElement !== input) input.value = q;
  for (const hidden of form?.querySelectorAll("input[type=hidden]") || []) hidden.remove();
  for (const [name, value] of params) {
    if (["q", "page", "row", "before"].includes(name) || !form) continue;
    const hidden = document.createElement("input");
    Object.assign(hidden, { type: "hidden", name, value });
    form.append(hidden);
  }
  document.getElementById("sg-share")?.setAttribute("href", location.href);
  if (app.dataset.q === q) return;
  app.dataset.q = q;
  document.dispatchEvent(new CustomEvent("sg:filter", { detail: { q } }));
}

document.addEventListener("htmx:pushedIntoHistory", follow);
document.addEventListener("htmx:replacedInHistory", follow);

// A filter of nothing leaves no "q=" behind.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "sg-find") return;
  for (const [name, value] of Object.entries(Object.fromEntries(detail.formData || []))) {
    if (!value) detail.formData.delete(name);
  }
});
