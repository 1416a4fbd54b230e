/**
 * Finds Chromium, in which the tests run the kernels on a second implementation of WebGPU; root on Debian gets it installed.
 * Only the tests need it, and all of wgrad works without it: so where it can't be had, that's one line, and a failure only in
 * CI, where nobody would miss half of the tests.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { apt, aptWorks, failure, isRoot, withApt } from "./apt.mjs";
import { osRelease } from "./platforms.mjs";
import { SetupError, say } from "./report.mjs";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];

/** @returns {string | undefined} the path of a Chromium, or of a browser made of it */
export function findChromium() {
  const { CHROMIUM, PATH = "", PROGRAMFILES = "", LOCALAPPDATA = "" } = process.env;
  if (CHROMIUM) return CHROMIUM;
  const onPath = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const applications = ["Chromium", "Google Chrome", "Microsoft Edge"];
  /** @type {Partial<Record<NodeJS.Platform, string[]>>} */
  const elsewhere = {
    darwin: applications.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
    win32: [PROGRAMFILES, LOCALAPPDATA].map((folder) => join(folder, "Google/Chrome/Application/chrome.exe")),
  };
  return [...onPath, ...(elsewhere[process.platform] ?? [])].find((file) => existsSync(file));
}

/** @throws SetupError in CI, where Chromium must be there */
export function provideChromium() {
  if (findChromium()) return;
  const reason = install();
  if (!reason) return;
  if (process.env.CI) throw new SetupError(`the browser tests can't run: ${reason}`);
  say(`the browser tests don't run: ${reason}`);
}

/** @returns {string | undefined} why Chromium isn't there, and what to do */
function install() {
  // Elsewhere (Ubuntu) the package of that name is a stub that asks for a snap.
  if (osRelease().ID !== "debian" || !aptWorks()) {
    return "there is no Chromium on PATH: install Chromium or Chrome, or set CHROMIUM to its path.";
  }
  if (!isRoot()) return "there is no Chromium: as root, 'apt-get install chromium'.";
  say("installing Chromium for the browser tests (about 130 MB)");
  const reason = withApt({ backports: false }, ({ options }) => {
    const updated = apt([...options, "update"]);
    return failure(updated, apt([...options, "install", "--no-install-recommends", "--yes", "chromium"]));
  });
  if (reason) return `apt couldn't install Chromium (${reason}).`;
  return findChromium() ? undefined : "Chromium was installed, but isn't on PATH.";
}
