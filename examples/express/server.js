// A small Express application: a guest book kept in memory.
const express = require("express");
const { version } = require("./package.json");

const VERSION = process.env.APP_VERSION || version;
const GREETING = process.env.GREETING || "Hello, world";
const PORT = Number(process.env.PORT || 3000);
const HOST = process.env.HOST || "0.0.0.0";
const LONGEST = 140;
const KEPT = 50;
const guests = ["Ada was here.", "So was Grace."];

const escaped = text => text.replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);

const page = () => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(GREETING)}</title>
<link rel="icon" href="data:,">
<style>
:root { --paper: #f8f7fb; --ink: #1b1824; --quiet: #635d73; --line: #e4e0ec; --accent: #6d3fc0 }
@media (prefers-color-scheme: dark) { :root { --paper: #121018; --ink: #edeaf4; --quiet: #a49db5; --line: #2b2637; --accent: #c3a6ff } }
* { box-sizing: border-box; margin: 0 }
body { padding: clamp(24px, 8vw, 96px) 24px; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 36rem; margin: auto }
h1 { font-size: clamp(32px, 8vw, 48px); line-height: 1.1; letter-spacing: -.02em; overflow-wrap: anywhere }
p { color: var(--quiet); margin: 8px 0 24px }
form { display: flex; gap: 8px; margin-bottom: 24px }
input { flex: 1; min-width: 0 }
input, button { font: inherit; color: inherit; padding: 8px 12px; border-radius: 8px; border: 1px solid var(--quiet); background: transparent }
button { background: var(--accent); border-color: var(--accent); color: var(--paper); font-weight: 600 }
li { list-style: none; padding: 12px 0; border-top: 1px solid var(--line); overflow-wrap: anywhere }
ul { padding: 0 }
</style>
</head>
<body>
<main>
  <h1>${escaped(GREETING)}</h1>
  <p>Express example, version ${escaped(VERSION)}. Leave a line for whoever comes next.</p>
  <form method="post" action="guests"><input name="line" aria-label="Your line" maxlength="${LONGEST}" required><button>Sign</button></form>
  <ul>${guests.map(line => `<li>${escaped(line)}</li>`).join("")}</ul>
</main>
</body>
</html>`;

const app = express();
app.disable("x-powered-by");
app.use(express.urlencoded({ extended: false, limit: "4kb" }));

app.get("/", (request, response) => response.type("html").send(page()));
app.get("/health", (request, response) => response.json({ status: "ok", version: VERSION }));
app.get("/api/guests", (request, response) => response.json({ greeting: GREETING, version: VERSION, guests }));
app.post("/guests", (request, response) => {
  const line = String(request.body?.line ?? "").trim().slice(0, LONGEST);
  if (line) guests.unshift(line);
  guests.length = Math.min(guests.length, KEPT);
  response.redirect(303, "./");
});

const server = app.listen(PORT, HOST, () => console.log(`Express example ${VERSION} listens on ${HOST}:${PORT}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
