// #sg-share: copies the address of what is shown. Without scripts it is that address, as a link.

const SAID_MS = 2000;

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("#sg-share");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const done = await copy(location.href);
  const says = document.getElementById("sg-shared");
  says.textContent = done ? "Link copied" : "The link can't be copied here; it is in the address bar";
  link.textContent = done ? "Copied" : "See the address bar";
  setTimeout(() => {
    link.textContent = "Share";
    says.textContent = "";
  }, SAID_MS);
});

// Pages that came by plain HTTP from another machine may use the old way only.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr" });
    const { activeElement } = document;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    activeElement?.focus();
    return done;
  }
}
