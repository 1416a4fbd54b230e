/**
 * Provides lavapipe, Mesa's Vulkan driver for CPUs, through apt. Root gets it installed; an ordinary user gets the packages
 * unpacked into the cache folder, which needs no rights. apt works on package lists of this call's own: the system's
 * sources and lists stay as they are, and Debian 12, whose own Mesa 22.3 Dawn rejects, can take 25.0 from its backports.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sourcesWithBackports } from "./apt-sources.mjs";
import { cacheFolder } from "./cache.mjs";
import { howToInstall, osRelease } from "./platforms.mjs";
import { SetupError, say } from "./report.mjs";

const packages = ["mesa-vulkan-drivers", "libvulkan1"];

/** @returns {{ unpacked: import("./adapter.mjs").Unpacked | undefined }} undefined: it's installed in the system */
export function provideLavapipe() {
  if (!existsSync("/usr/bin/apt-get")) throw new SetupError(howToInstall());
  const isRoot = process.getuid?.() === 0;
  say(
    `no WebGPU adapter found: ${isRoot ? "installing" : "unpacking into the user's cache"} Mesa's lavapipe, a Vulkan driver that runs on the CPU (about 60 MB)`,
  );
  const work = mkdtempSync(join(isRoot ? tmpdir() : cacheFolder(), "apt-"));
  try {
    const { options, release } = aptOptions(work);
    const updated = apt([...options, "update"]);
    const install = [...options, ...release, "install", "--no-install-recommends", "--yes"];
    if (isRoot) {
      check(updated, apt([...install, "-o", "DPkg::Lock::Timeout=120", ...packages]));
      return { unpacked: undefined };
    }
    check(updated, apt([...install, "--download-only", ...packages]));
    return { unpacked: unpack(join(work, "cache/archives")) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @returns {import("./adapter.mjs").Unpacked | undefined} what an earlier call unpacked */
export function findLavapipe(folder = join(cacheFolder(), "lavapipe")) {
  const drivers = join(folder, "usr/share/vulkan/icd.d");
  const name = existsSync(drivers) && readdirSync(drivers).find((file) => file.startsWith("lvp_icd"));
  if (!name) return undefined;
  const libraries = ["usr/lib", "lib"].flatMap((lib) => {
    const parent = join(folder, lib);
    const triplets = existsSync(parent)
      ? readdirSync(parent).filter((entry) => entry.includes("-linux-"))
      : [];
    return triplets.map((triplet) => join(parent, triplet));
  });
  return { driver: join(drivers, name), libraries };
}

/** @param {string} work */
function aptOptions(work) {
  for (const folder of ["lists/partial", "cache/archives/partial", "sources"]) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  const settings = {
    "Dir::State::lists": join(work, "lists"),
    "Dir::Cache": join(work, "cache"),
    "Dir::Cache::archives": join(work, "cache/archives"),
    "Debug::NoLocking": process.getuid?.() === 0 ? "0" : "1",
    "APT::Sandbox::User": "root", // the folders above are this user's; apt's own download user can't write there
    "Acquire::Retries": "2",
    "Acquire::Languages": "none",
  };
  const { ID, VERSION_ID, VERSION_CODENAME = "" } = osRelease();
  const sources =
    ID === "debian" && Number(VERSION_ID) <= 12 ? sourcesWithBackports(VERSION_CODENAME) : undefined;
  if (sources) writeFileSync(join(work, "sources/wgrad.sources"), sources);
  const ownSources = { "Dir::Etc::SourceList": "/dev/null", "Dir::Etc::SourceParts": join(work, "sources") };
  return {
    options: Object.entries({ ...settings, ...(sources && ownSources) }).flatMap(([name, value]) => [
      "-o",
      `${name}=${value}`,
    ]),
    release: sources ? ["-t", `${VERSION_CODENAME}-backports`] : [],
  };
}

/** @param {string[]} args */
function apt(args) {
  const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", ["-q", ...args], { env, input: "", encoding: "utf8", maxBuffer: 2 ** 28 });
}

/**
 * @param {ReturnType<typeof apt>} updated an update that fetched nothing still ends with 0; its complaint is the one to show
 * @param {ReturnType<typeof apt>} installed
 */
function check(updated, installed) {
  if (installed.status === 0) return;
  const lines = [updated, installed].flatMap(({ stderr }) => `${stderr}`.split("\n"));
  const reason =
    lines.find((line) => line.startsWith("W: Failed to fetch")) ??
    lines.find((line) => line.startsWith("E:"));
  throw new SetupError(
    `apt couldn't provide a Vulkan driver (${reason?.replace(/^[EW]: /, "").trim() ?? "no reason given"}): check the network and apt's sources, or install ${packages.join(" and ")} (Mesa 25 or newer) by hand, then try again.`,
  );
}

/** @param {string} archives */
function unpack(archives) {
  const target = join(cacheFolder(), "lavapipe");
  const fresh = `${target}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  for (const file of readdirSync(archives).filter((name) => name.endsWith(".deb"))) {
    const { status, stderr } = spawnSync("dpkg-deb", ["-x", join(archives, file), fresh], {
      encoding: "utf8",
    });
    if (status !== 0)
      throw new SetupError(`can't unpack ${file} into ${fresh}: ${stderr.trim().split("\n")[0]}`);
  }
  rmSync(target, { recursive: true, force: true });
  renameSync(fresh, target);
  return findLavapipe(target);
}
