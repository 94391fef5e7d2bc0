/** Bundles `frontend/tests/*.test.ts` into a folder of its own and hands them to Node's test runner. */
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const tests = join(dirname(fileURLToPath(import.meta.url)), "tests");
const target = await mkdtemp(join(tmpdir(), "cairn-frontend-"));
try {
  const found = (await readdir(tests)).filter((name) => name.endsWith(".test.ts"));
  await build({
    entryPoints: found.map((name) => join(tests, name)),
    outdir: target, outExtension: { ".js": ".mjs" }, bundle: true, platform: "node", format: "esm", external: ["node:*"],
    logLevel: "warning",
  });
  const files = found.map((name) => join(target, name.replace(/\.ts$/, ".mjs")));
  process.exitCode = spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" }).status ?? 1;
} finally {
  await rm(target, { recursive: true, force: true });
}
