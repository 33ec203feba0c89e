"use strict";
// The server makes all HTML, and has made safe what is in it. This puts it where it belongs.
const link = document.getElementById("link");
const stream = new EventSource("events" + location.search);
stream.onopen = () => { link.textContent = ""; };
stream.onmessage = (message) => {
  const parts = JSON.parse(message.data);
  for (const [name, html] of Object.entries(parts)) {
    const section = document.getElementById(name);
    const before = section.querySelector("pre");
    const at = before ? before.scrollTop : 0;
    const atEnd = !before || before.scrollTop + before.clientHeight >= before.scrollHeight - 4;
    section.innerHTML = html;
    const after = section.querySelector("pre");
    if (after) after.scrollTop = atEnd ? after.scrollHeight : at;
  }
};
stream.addEventListener("end", () => { stream.close(); link.textContent = "The page was closed by its program."; });
stream.onerror = () => { link.textContent = "The program does not answer: it has ended, or closed this page."; };
