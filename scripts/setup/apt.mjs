/**
 * apt, on package lists of each call's own: the system's sources and lists stay as they are, and a call may read backports
 * that the system doesn't.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sourcesWithBackports } from "./apt-sources.mjs";
import { cacheFolder } from "./cache.mjs";
import { osRelease } from "./platforms.mjs";

export const aptWorks = () => existsSync("/usr/bin/apt-get");

/** Whether packages can be installed; others can only be downloaded. */
export const isRoot = () => process.getuid?.() === 0;

/**
 * @template T
 * @param {{ backports: boolean }} sources whether Debian 12's backports come before its own packages
 * @param {(call: { options: string[], archives: string }) => T} use gets apt's options, and the folder of what it downloads
 * @returns {T}
 */
export function withApt({ backports }, use) {
  const work = mkdtempSync(join(isRoot() ? tmpdir() : cacheFolder(), "apt-"));
  try {
    return use({ options: aptOptions(work, backports), archives: join(work, "cache/archives") });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * @param {string} work
 * @param {boolean} backports
 */
function aptOptions(work, backports) {
  for (const folder of ["lists/partial", "cache/archives/partial", "sources"]) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  const settings = {
    "Dir::State::lists": join(work, "lists"),
    "Dir::Cache": join(work, "cache"),
    "Dir::Cache::archives": join(work, "cache/archives"),
    "Debug::NoLocking": isRoot() ? "0" : "1",
    "DPkg::Lock::Timeout": "120",
    "APT::Sandbox::User": "root", // the folders above are this user's; apt's own download user can't write there
    "Acquire::Retries": "2",
    "Acquire::Languages": "none",
  };
  const { ID, VERSION_ID, VERSION_CODENAME = "" } = osRelease();
  const sources =
    backports && ID === "debian" && Number(VERSION_ID) <= 12
      ? sourcesWithBackports(VERSION_CODENAME)
      : undefined;
  if (sources) writeFileSync(join(work, "sources/wgrad.sources"), sources);
  const ownSources = {
    "Dir::Etc::SourceList": "/dev/null",
    "Dir::Etc::SourceParts": join(work, "sources"),
    "APT::Default-Release": `${VERSION_CODENAME}-backports`,
  };
  return Object.entries({ ...settings, ...(sources && ownSources) }).flatMap(([name, value]) => [
    "-o",
    `${name}=${value}`,
  ]);
}

/** @param {string[]} args */
export function apt(args) {
  const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", ["-q", ...args], { env, input: "", encoding: "utf8", maxBuffer: 2 ** 28 });
}

/**
 * Why packages couldn't be installed, in apt's words; undefined where they were.
 * @param {ReturnType<typeof apt>} updated an update that fetched nothing still ends with 0; its complaint is the one to show
 * @param {ReturnType<typeof apt>} installed
 */
export function failure(updated, installed) {
  if (installed.status === 0) return undefined;
  const lines = [updated, installed].flatMap(({ stderr }) => `${stderr}`.split("\n"));
  const reason =
    lines.find((line) => line.startsWith("W: Failed to fetch")) ??
    lines.find((line) => line.startsWith("E:"));
  return reason?.replace(/^[EW]: /, "").trim() ?? "no reason given";
}
