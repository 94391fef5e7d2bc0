/** Joins the drawings of `src/icons/*.svg` (24 × 24, one stroke width, our own) into one sprite of symbols. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, parse } from "node:path";

export async function drawSprite(folder, target) {
  const symbols = [];
  for (const name of (await readdir(folder)).filter((file) => file.endsWith(".svg")).sort()) {
    const drawing = await readFile(join(folder, name), "utf8");
    const inner = drawing.replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "").replace(/\s*\n\s*/g, "");
    symbols.push(`<symbol id="${parse(name).name}" viewBox="0 0 24 24">${inner}</symbol>`);
  }
  await writeFile(target, `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
}
