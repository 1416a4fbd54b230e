import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sourcesWithBackports } from "../../scripts/setup/apt-sources.mjs";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wgrad-apt-"));
  mkdirSync(join(folder, "sources.list.d"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("stanzas: the mirror and its key serve backports, too; other archives are left out", () => {
  writeFileSync(
    join(folder, "sources.list.d/debian.sources"),
    `Types: deb deb-src
# a remark
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://vendor.test/apt
Suites: nodistro
Components: main
`,
  );
  expect(sourcesWithBackports("bookworm", folder)).toMatchInlineSnapshot(`
    "Types: deb
    URIs: http://mirror.test/debian
    Suites: bookworm bookworm-updates
    Components: main
    Signed-By: 
     -----BEGIN PGP PUBLIC KEY BLOCK-----
     .
     abc

    Types: deb
    URIs: http://mirror.test/debian-security
    Suites: bookworm-security
    Components: main

    Types: deb
    URIs: http://mirror.test/debian
    Suites: bookworm-backports
    Components: main
    Signed-By: 
     -----BEGIN PGP PUBLIC KEY BLOCK-----
     .
     abc
    "
  `);
});

test("lines: options become fields", () => {
  const line =
    "deb [arch=amd64,arm64 signed-by=/k.gpg] https://mirror.test/debian stable main contrib # ours\n";
  writeFileSync(join(folder, "sources.list"), `# deb http://off.test/debian bookworm main\n${line}`);
  expect(sourcesWithBackports("bookworm", folder)).toMatchInlineSnapshot(`
    "Types: deb
    URIs: https://mirror.test/debian
    Suites: stable
    Components: main contrib
    Architectures: amd64 arm64
    Signed-By: /k.gpg

    Types: deb
    URIs: https://mirror.test/debian
    Suites: bookworm-backports
    Components: main contrib
    Architectures: amd64 arm64
    Signed-By: /k.gpg
    "
  `);
});

test("backports that are configured already aren't listed twice", () => {
  writeFileSync(
    join(folder, "sources.list"),
    "deb http://mirror.test/debian bookworm main\ndeb http://mirror.test/debian bookworm-backports main\n",
  );
  expect(sourcesWithBackports("bookworm", folder)?.match(/bookworm-backports/g)).toHaveLength(1);
});

test("no Debian archive: nothing to derive from", () => {
  writeFileSync(join(folder, "sources.list"), "deb http://vendor.test/apt nodistro main\n");
  expect(sourcesWithBackports("bookworm", folder)).toBeUndefined();
});
