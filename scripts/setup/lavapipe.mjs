/**
 * Provides lavapipe, Mesa's Vulkan driver for CPUs, through apt. Root gets it installed; an ordinary user gets the packages
 * unpacked into the cache folder, which needs no rights. Debian 12, whose own Mesa 22.3 Dawn rejects, can take 25.0 from its
 * backports.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { apt, aptWorks, failure, isRoot, withApt } from "./apt.mjs";
import { cacheFolder } from "./cache.mjs";
import { howToInstall } from "./platforms.mjs";
import { SetupError, say } from "./report.mjs";

const packages = ["mesa-vulkan-drivers", "libvulkan1"];

/** @returns {{ unpacked: import("./adapter.mjs").Unpacked | undefined }} undefined: it's installed in the system */
export function provideLavapipe() {
  if (!aptWorks()) throw new SetupError(howToInstall());
  const manner = isRoot() ? "installing" : "unpacking into the user's cache";
  say(
    `no WebGPU adapter found: ${manner} Mesa's lavapipe, a Vulkan driver that runs on the CPU (about 60 MB)`,
  );
  return withApt({ backports: true }, ({ options, archives }) => {
    const updated = apt([...options, "update"]);
    const install = [...options, "install", "--no-install-recommends", "--yes"];
    const installed = apt([...install, ...(isRoot() ? [] : ["--download-only"]), ...packages]);
    const reason = failure(updated, installed);
    if (reason) {
      throw new SetupError(
        `apt couldn't provide a Vulkan driver (${reason}): check the network and apt's sources, or install ${packages.join(" and ")} (Mesa 25 or newer) by hand, then try again.`,
      );
    }
    return { unpacked: isRoot() ? undefined : unpack(archives) };
  });
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
