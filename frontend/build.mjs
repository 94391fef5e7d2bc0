/**
 * Bundles the public pages' scripts and styles into `static/bundles/` and lays the fonts beside them.
 *
 * Usage: `node frontend/build.mjs [--watch]` (through `npm run build`, or `scripts/build_frontend.py`
 * where no system Node exists). Everything written is derived: the folder is ignored by git.
 */
import { build, context } from "esbuild";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { layFonts } from "./fonts.mjs";
import { drawSprite } from "./icons.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const target = join(root, "static", "bundles");

await rm(target, { recursive: true, force: true });
await mkdir(join(target, "fonts"), { recursive: true });
const fontRules = await layFonts(join(root, "node_modules"), join(target, "fonts"));
await drawSprite(join(here, "src", "icons"), join(target, "icons.svg"));

/** `@import "cairn:fonts"` in a style sheet stands for the rules made above. */
const fontsPlugin = {
  name: "fonts",
  setup(builder) {
    builder.onResolve({ filter: /^cairn:fonts$/ }, () => ({ path: "fonts", namespace: "cairn" }));
    builder.onLoad({ filter: /.*/, namespace: "cairn" }, () => ({ contents: fontRules, loader: "css" }));
    builder.onResolve({ filter: /^\.\/(fonts|icons)/, namespace: "cairn" }, (found) => ({
      path: found.path,
      external: true,
    }));
  },
};

const options = {
  absWorkingDir: root,
  entryPoints: {
    site: "frontend/src/styles/site.css",
    "site-enhance": "frontend/src/site.ts",
    reading: "frontend/src/reading.ts",
    search: "frontend/src/search.ts",
  },
  outdir: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome105", "firefox110", "safari16"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
  plugins: [fontsPlugin],
};

if (process.argv.includes("--watch")) {
  await (await context(options)).watch();
} else {
  await build(options);
}
