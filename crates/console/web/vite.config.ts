// How the page is built: one script and one style sheet with fixed names, so that the binary can name them.
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** Ships the licence of what is built in. */
const licence: Plugin = {
  name: "licence",
  generateBundle() {
    const source = `uPlot, under the following licence:\n\n${readFileSync("node_modules/uplot/LICENSE", "utf8")}`;
    this.emitFile({ type: "asset", fileName: "assets/licences.txt", source });
  },
};

export default defineConfig({
  plugins: [licence],
  base: "/",
  build: {
    target: "es2022",
    outDir: "dist",
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    cssCodeSplit: false,
    rollupOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: { proxy: { "/api": "http://127.0.0.1:7777" } },
});
