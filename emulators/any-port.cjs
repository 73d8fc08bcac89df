// Preloaded into firebase-tools, which calls its own emulators with fetch(). fetch() refuses a few "bad ports" (WHATWG
// Fetch, "port blocking"). ports.py keeps only the services for browsers off them; PORT_OFFSET=5680, for example, puts
// the hub on 10080. The ports work locally, so this patch sends requests to them through node:http.
"use strict";

const http = require("node:http");

const BAD_PORTS = new Set(["6000", "6566", "6665", "6666", "6667", "6668", "6669", "6679", "6697", "10080"]);
const BODILESS = new Set([101, 204, 205, 304]);
const builtIn = globalThis.fetch;

globalThis.fetch = async function fetch(resource, options) {
  const url = new URL(resource.url ?? resource);
  if (url.hostname !== "127.0.0.1" || !BAD_PORTS.has(url.port)) {
    return builtIn(resource, options);
  }
  const asked = new Request(resource, options);
  const body = Buffer.from(await asked.arrayBuffer());
  return new Promise((resolve, reject) => {
    const headers = Object.fromEntries(asked.headers);
    const sent = http.request(url, { method: asked.method, headers, signal: asked.signal }, (answer) => {
      const chunks = [];
      answer.on("error", reject);
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const answered = new Headers();
        for (const [name, value] of Object.entries(answer.headers)) {
          answered.append(name, String(value));
        }
        const content = BODILESS.has(answer.statusCode) ? null : Buffer.concat(chunks);
        resolve(new Response(content, { status: answer.statusCode, headers: answered }));
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
};
