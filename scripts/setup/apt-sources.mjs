/**
 * Reads apt's configured sources, in either of their formats, and derives the backports suite from the Debian archive
 * among them: so the packages come from whichever mirror this machine's owner chose, under the same signing key.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A source in deb822 form: field to value. A value may have continuation lines (an embedded key).
 * @typedef {Record<string, string>} Source
 */

/**
 * @param {string} codename of the Debian release, as "bookworm"
 * @param {string} [folder] apt's configuration
 * @returns {string | undefined} the text of a .sources file: the release, its updates and its backports; undefined where
 *   no source of that release is configured
 */
export function sourcesWithBackports(codename, folder = "/etc/apt") {
  const ours = readSources(folder).flatMap((source) => {
    const suites = words(source.Suites).filter((suite) => isOf(suite, codename));
    return suites.length > 0 ? [{ ...source, Types: "deb", Suites: suites.join(" ") }] : [];
  });
  const backports = `${codename}-backports`;
  const archive = ours.find(({ Suites }) =>
    words(Suites).some((suite) => [codename, ...aliases].includes(suite)),
  );
  if (!archive) return undefined;
  const hasBackports = ours.some(({ Suites }) => words(Suites).includes(backports));
  const all = hasBackports ? ours : [...ours, { ...archive, Suites: backports }];
  return all.map(print).join("\n");
}

const aliases = ["stable", "oldstable", "oldoldstable"];

/**
 * @param {string} suite
 * @param {string} codename
 */
const isOf = (suite, codename) =>
  [codename, ...aliases].some(
    (name) => suite === name || suite.startsWith(`${name}-`) || suite.startsWith(`${name}/`),
  );

/**
 * @param {string} folder
 * @returns {Source[]}
 */
export function readSources(folder) {
  const parts = join(folder, "sources.list.d");
  const files = [
    join(folder, "sources.list"),
    ...(existsSync(parts) ? readdirSync(parts) : []).map((f) => join(parts, f)),
  ];
  return files.filter(existsSync).flatMap((file) => {
    if (file.endsWith(".sources")) return parseStanzas(readFileSync(file, "utf8"));
    return file.endsWith(".list") ? parseLines(readFileSync(file, "utf8")) : [];
  });
}

/**
 * @param {string} text
 * @returns {Source[]}
 */
export function parseStanzas(text) {
  const uncommented = text.replace(/^#.*\n?/gm, "");
  const stanzas = uncommented.split(/\n\s*\n/).map((stanza) => {
    const fields = stanza.matchAll(/^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm);
    return Object.fromEntries(
      [...fields].map(([, name = "", value = ""]) => [titleCase(name), value.trimEnd()]),
    );
  });
  return stanzas.filter(
    ({ Types, URIs, Suites, Enabled }) =>
      words(Types).includes("deb") && URIs && Suites && !/^(no|false|0)$/i.test(Enabled ?? ""),
  );
}

/**
 * @param {string} text
 * @returns {Source[]}
 */
export function parseLines(text) {
  const lines = text.matchAll(/^[ \t]*deb[ \t]+(?:\[([^\]]*)\][ \t]+)?(\S+)[ \t]+(\S+)([^#\n]*)/gm);
  return [...lines].map(([, options = "", URIs = "", Suites = "", components = ""]) => {
    const extra = options.matchAll(/(\S+?)=(\S+)/g);
    const fields = [...extra].map(([, name = "", value = ""]) => [
      optionNames[name] ?? titleCase(name),
      value.replaceAll(",", " "),
    ]);
    return { Types: "deb", URIs, Suites, Components: components.trim(), ...Object.fromEntries(fields) };
  });
}

/** @type {Record<string, string>} one-line options whose deb822 field is named otherwise */
const optionNames = { arch: "Architectures", lang: "Languages", target: "Targets" };

/** @param {string} name */
const titleCase = (name) =>
  name.toLowerCase() === "uris"
    ? "URIs"
    : name.toLowerCase().replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());

/** @param {string | undefined} value */
const words = (value) => (value ?? "").split(/\s+/).filter(Boolean);

/** @param {Source} source */
const print = (source) =>
  Object.entries(source)
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
