/**
 * The faces of the archive, by script: which file serves which characters.
 *
 * Two families, cut by `unicode-range` so that a page fetches only the scripts it shows:
 * "Cairn Serif" for the words of witnesses and documents, "Cairn Sans" for everything else.
 * The files are Noto (SIL Open Font License 1.1) from the @fontsource packages.
 * Chinese has no face here: a page would fetch megabytes; the reader's own fonts serve it.
 */
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Latin beyond Latin-1 as most languages of Europe need it. The Armenian packages carry these
 * letters of the same Noto design in 7 kB; the full "latin-ext" slice (phonetic alphabets,
 * medieval letters) weighs 60 kB and serves only what is left.
 */
const EUROPEAN_LATIN =
  "U+0100-0107,U+010A-0113,U+0116-011B,U+011E-0123,U+0126-0127,U+012A-012B,U+012E-0130,U+0136-0137," +
  "U+0139-013E,U+0141-0148,U+014A-014D,U+0150-0151,U+0154-015B,U+015E-0161,U+0164-0165,U+016A-017E," +
  "U+0218-021B,U+0237,U+02C7,U+02C9,U+02DD,U+1E80-1E85,U+1E9E,U+1EF2-1EF3";
const REMAINING_LATIN =
  "U+0108-0109,U+0114-0115,U+011C-011D,U+0124-0125,U+0128-0129,U+012C-012D,U+0131-0135,U+0138,U+013F-0140," +
  "U+0149,U+014E-014F,U+0152-0153,U+0162-0163,U+0166-0169,U+0180-0217,U+021C-0236,U+0238-02BA,U+02BD-02C6," +
  "U+02C8,U+02CA-02DC,U+02DE-02FF,U+1D00-1DBF,U+1E00-1E7F,U+1E86-1E9D,U+1EF4-1EFF,U+20A0-20AB,U+20AD-20C0," +
  "U+2C60-2C7F,U+A720-A7FF";

/**
 * Which cuts of a script have a file of their own. A browser picks one cut of a family and looks only there, so every
 * script needs a rule in every cut: where a second file would cost 50 kB, or where the script has no italic, the first
 * file stands in.
 */
const SERIF = [
  ["noto-serif", "latin", ["400", "400i"]],
  ["noto-serif-armenian", "latin-ext", ["400"], EUROPEAN_LATIN],
  ["noto-serif", "latin-ext", ["400", "400i"], REMAINING_LATIN],
  ["noto-serif", "cyrillic", ["400", "400i"]],
  ["noto-serif", "cyrillic-ext", ["400"]],
  ["noto-serif", "greek", ["400"]],
  ["noto-serif", "vietnamese", ["400"]],
  ["noto-serif-armenian", "armenian", ["400"]],
  ["noto-serif-hebrew", "hebrew", ["400"]],
  ["noto-naskh-arabic", "arabic", ["400"]],
  ["noto-serif-khmer", "khmer", ["400"]],
  ["noto-sans-ethiopic", "ethiopic", ["400"]],
  ["noto-serif-devanagari", "devanagari", ["400"]],
];
const SANS = [
  ["noto-sans", "latin", ["400", "600"]],
  ["noto-sans-armenian", "latin-ext", ["400", "600"], EUROPEAN_LATIN],
  ["noto-sans", "latin-ext", ["400"], REMAINING_LATIN],
  ["noto-sans", "cyrillic", ["400", "600"]],
  ["noto-sans", "greek", ["400"]],
  ["noto-sans", "vietnamese", ["400"]],
  ["noto-sans-armenian", "armenian", ["400", "600"]],
  // Here only names and quoted words are Hebrew: one face serves both families.
  ["noto-serif-hebrew", "hebrew", ["400"]],
  ["noto-sans-arabic", "arabic", ["400"]],
];

const FAMILIES = [
  ["Cairn Serif", SERIF, ["400", "400i"]],
  ["Cairn Sans", SANS, ["400", "600"]],
];

/** @returns {Promise<string>} the `@font-face` rules; the files are copied into `target`. */
export async function layFonts(modules, target) {
  const rules = [];
  for (const [family, faces, cuts] of FAMILIES) {
    for (const [pack, subset, own, ownRange] of faces) {
      const folder = join(modules, "@fontsource", pack);
      const ranges = JSON.parse(await readFile(join(folder, "unicode.json"), "utf8"));
      const range = ownRange ?? ranges[subset];
      if (!range) throw new Error(`${pack} has no subset "${subset}" (see ${folder}/unicode.json)`);
      for (const cut of cuts) {
        const drawn = own.includes(cut) ? cut : own[0];
        const file = `${pack}-${subset}-${parseInt(drawn, 10)}-${drawn.endsWith("i") ? "italic" : "normal"}.woff2`;
        await copyFile(join(folder, "files", file), join(target, file));
        rules.push(
          `@font-face{font-family:"${family}";font-style:${cut.endsWith("i") ? "italic" : "normal"};` +
            `font-weight:${parseInt(cut, 10)};font-display:swap;` +
            `src:url("./fonts/${file}") format("woff2");unicode-range:${range}}`,
        );
      }
    }
  }
  return rules.join("\n");
}
