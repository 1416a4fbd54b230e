/** The WGSL that browsers get has the same tokens as the one in the sources; SwiftShader's project compiles and runs it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { afterAll, expect, test } from "vitest";
import { stripPieces, strippedWgsl, stripWgsl } from "../../scripts/strip-wgsl.mjs";
import type { KernelCase } from "../../src/kernels/cases.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "wgrad-wgsl-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  [["\n    let a = b - -c; // why\n    f(a, b);"], ["\nlet a=b- -c;\nf(a,b);"]],
  [
    ["a[", " + ", "] = ", ";"],
    ["a[", " + ", "]= ", ";"],
  ],
  [
    ["let a", " = ", " ;\n"],
    ["let a", " = ", ";\n"],
  ],
  [
    ["  fn f() -> ", " { return ", "; }  "],
    [" fn f()-> ", "{return ", ";}"],
  ],
  [["/** What\n it is. */var a: array<f32, 4> = b; /* x */ return"], [" var a:array<f32,4> =b;return"]],
])("strips %j", (pieces, stripped) => {
  expect(stripPieces(pieces)).toEqual(stripped);
});

test("takes templates of WGSL and those nested in them, nothing else", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a program
  const source = "const s = wgsl`a  ;\n  ${(x) => `b  = ${x} ;`}`; const t = `a  ;`;";
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a program
  const stripped = "const s = wgsl`a;\n${(x) => `b= ${x};`}`; const t = `a  ;`;";
  expect(stripWgsl(source, "program.ts")?.code).toBe(stripped);
});

test("refuses a comment that a substitution would be part of", () => {
  expect(() => stripPieces(["a; // to ", "\n"])).toThrow("a comment in WGSL ends outside its piece");
  expect(() => stripPieces(["/* the ", " */"])).toThrow("a comment in WGSL ends outside its piece");
});

/** The kernels that all cases cover, of every configuration and size, by label. */
async function kernelSources(name: string, plugins: Plugin[]): Promise<Map<string, string>> {
  const outfile = join(folder, name);
  const entryPoints = [join(root, "src/kernels/all.cases.ts")];
  await build({ entryPoints, outfile, plugins, bundle: true, format: "esm", platform: "browser" });
  const { allCases }: { allCases: KernelCase[] } = await import(
    /* @vite-ignore */ pathToFileURL(outfile).href
  );
  return new Map(allCases.flatMap(({ covers }) => covers.map(({ label, source }) => [label, source])));
}

/** Of two operators without a space, the longest is read: `- -` and `--` differ. */
const tokens = (source: string) =>
  source.replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, " ").match(/[\w.]+|[-+*/%&|^<>=!~:@]+|\S/g);

test("every kernel keeps its tokens", async () => {
  const written = await kernelSources("written.mjs", []);
  const stripped = await kernelSources("stripped.mjs", [strippedWgsl]);
  expect(written.size).toBeGreaterThan(70);
  expect([...stripped.keys()]).toEqual([...written.keys()]);
  for (const [label, source] of written)
    expect(tokens(stripped.get(label) ?? ""), label).toEqual(tokens(source));
  const length = (sources: Map<string, string>) => [...sources.values()].join("").length;
  expect(length(stripped)).toBeLessThan(0.9 * length(written));
});
