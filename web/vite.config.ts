import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// `npm run dev` serves the sources, with hot reload, in front of a stack that `make dev` has started.
const stack = `http://127.0.0.1:${5000 + Number(process.env.PORT_OFFSET ?? 0)}`;

// Small modules that the way to the accounts needs: one file compresses better than a file each. "small" needs Firestore,
// which the sign-in page does without.
const GROUPS = [
  {
    name: "start",
    test: /\/src\/(text\/(isolated|language|numbers|remembered)|parts\/(Crash|basics|toasts|useTitle))\.tsx?$/,
  },
  { name: "icons", test: /\/lucide-react\/.*\/(arrow-left-right|bell|chart-pie|cloud-off|info)\.m?js$/ },
  { name: "small", test: /\/src\/parts\/(LoadFailed|replace|situation|useAction|useLinkFlow)\.tsx?$/ },
];

const inside = (path: string) => fileURLToPath(new URL(path, import.meta.url));
// What Redoc would load from another host or insert as an inline style; the page's policy forbids both.
const REDOC_EDITS: [name: string, found: RegExp, instead: string][] = [
  [
    "the logo on its CDN",
    /https:\/\/cdn\.redoc\.ly\/redoc\/logo-mini\.svg/g,
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E",
  ],
  [
    "the styles of scrollbars that the page does not use",
    /\w+\.push\(\[\w+\.id,"\.ps\{.*?sourceRoot:""\}\]\)/gs,
    "void 0",
  ],
];

/** Publishes the API description, and makes Redoc work offline (docs/decisions/0013-the-api-page-is-redoc.md). */
const reference: Plugin = {
  name: "reference",
  enforce: "pre",
  // Redoc's bundle requires an optional module by this name, which stands for "not installed".
  resolveId: (id) => (id === "null" ? "\0null" : undefined),
  load: (id) => (id === "\0null" ? "export default undefined;" : undefined),
  transform(code, id) {
    if (!id.includes("/redoc/bundles/")) return undefined;
    for (const [name, found, instead] of REDOC_EDITS) {
      if (code.match(found)?.length !== 1) throw new Error(`${id} does not contain ${name}: check what it loads now`);
      code = code.replace(found, instead);
    }
    return { code, map: null };
  },
  generateBundle() {
    const source = readFileSync(inside("../docs/api/openapi.json"));
    this.emitFile({ type: "asset", fileName: "reference/openapi.json", source });
  },
};

export default defineConfig({
  plugins: [react(), reference],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: { app: inside("index.html"), reference: inside("reference/index.html") },
      output: { codeSplitting: { groups: GROUPS, includeDependenciesRecursively: false } },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/config.json": stack, "/api": stack, "/reference/openapi.json": stack },
  },
});
