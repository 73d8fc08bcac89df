import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` serves the sources, with hot reload, in front of a stack that `make dev` has started.
const stack = `http://127.0.0.1:${5000 + Number(process.env.PORT_OFFSET ?? 0)}`;

export default defineConfig({
  plugins: [react()],
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: { host: "127.0.0.1", proxy: { "/config.json": stack, "/api": stack } },
});
