// GitHub's own description of its API, cut down to the operations that Fairway calls, served by Prism: it refuses whatever the
// description does not allow. Words: the port, then the operations, for example "post /repos/{owner}/{repo}/deployments".
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [port, ...operations] = process.argv.slice(2);
const whole = JSON.parse(readFileSync(join(here, "node_modules/@octokit/openapi/generated/api.github.com.json")));
const cut = { openapi: whole.openapi, info: whole.info, servers: whole.servers, paths: {}, components: {} };
const seen = new Set();

function walk(part) {
  if (Array.isArray(part)) return part.forEach(walk);
  if (!part || typeof part !== "object") return;
  if (typeof part.$ref === "string" && !seen.has(part.$ref)) {
    seen.add(part.$ref);
    const names = part.$ref.slice(2).split("/");
    let found = whole;
    let place = cut;
    for (const name of names) found = found[name];
    for (const name of names.slice(0, -1)) place = place[name] ??= {};
    place[names.at(-1)] = found;
    walk(found);
  }
  Object.values(part).forEach(walk);
}

for (const operation of operations) {
  const [method, path] = operation.split(" ");
  cut.paths[path] ??= {};
  cut.paths[path][method] = whole.paths[path][method];
}
// The example of a repository does not fit its own schema, and only what Fairway sends is in question.
const plain = { description: "OK", content: { "application/json": { schema: { type: "object" } } } };
cut.paths["/repos/{owner}/{repo}"].get.responses = { 200: plain };
// What is accepted has no example that Prism could answer with.
cut.paths["/repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts"].post.responses = { 202: plain };
walk(cut.paths);
const file = join(here, "described.json");
writeFileSync(file, JSON.stringify(cut));
const require = createRequire(join(here, "package.json"));
process.argv = [process.argv[0], "prism", "mock", "--errors", "--host", "127.0.0.1", "--port", port, file];
await import(pathToFileURL(require.resolve("@stoplight/prism-cli/dist/index.js")));
