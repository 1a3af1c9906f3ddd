// Says in words when the server refuses what was clicked: htmx shows no body of an error.

function notify(text) {
  const place = document.getElementById("sg-notice");
  if (place) place.textContent = text;
}

document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.requestConfig.verb === "get") return; // the page of the error is shown, or what is there stays
  notify(`That was refused (${detail.xhr.status}). Reload the page and try again.`);
});
document.addEventListener("htmx:sendError", ({ detail }) => {
  if (detail.requestConfig.verb !== "get") notify("The server did not answer, so nothing was changed.");
});
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.requestConfig.verb !== "get") notify("");
});
