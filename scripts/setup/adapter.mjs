/**
 * Sees to it that Dawn finds an adapter. Asking Dawn takes a second, so the answer is kept under a key of everything it
 * depends on: versions, and the times of the driver's files. A changed driver or device makes set-up look again.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder, runtimeFolder } from "./cache.mjs";
import { findLavapipe, provideLavapipe } from "./lavapipe.mjs";
import { root } from "./packages.mjs";
import { howToInstall } from "./platforms.mjs";
import { SetupError, say } from "./report.mjs";

/**
 * Where a driver lies that the system itself doesn't know of.
 * @typedef {{ driver: string, libraries: string[] }} Unpacked
 */

/** @returns {NodeJS.ProcessEnv} the environment in which Dawn finds the adapter */
export function provideAdapter() {
  const stamp = join(cacheFolder(), "adapter.json");
  const known = readStamp(stamp);
  if (known && known.key === machineKey()) return environment(known.unpacked);

  const found = (/** @type {Unpacked | undefined} */ unpacked) => {
    const name = probe(environment(unpacked));
    if (!name) return undefined;
    say(`WebGPU adapter: ${name}`);
    writeFileSync(`${stamp}.${process.pid}`, JSON.stringify({ key: machineKey(), unpacked }));
    renameSync(`${stamp}.${process.pid}`, stamp);
    return environment(unpacked);
  };

  const system = found(undefined);
  if (system) return system;
  const earlier = findLavapipe();
  const env =
    (earlier && found(earlier)) || (process.platform === "linux" && found(provideLavapipe().unpacked));
  if (env) return env;
  throw new SetupError(howToInstall());
}

/**
 * @param {Unpacked | undefined} unpacked
 * @returns {NodeJS.ProcessEnv}
 */
function environment(unpacked) {
  const env = { ...process.env, ...runtimeFolder() };
  if (!unpacked) return env;
  const libraries = [...unpacked.libraries, ...(env.LD_LIBRARY_PATH ? [env.LD_LIBRARY_PATH] : [])];
  // Loaders before 1.3.207 know the second name only.
  return {
    ...env,
    VK_DRIVER_FILES: unpacked.driver,
    VK_ICD_FILENAMES: unpacked.driver,
    LD_LIBRARY_PATH: libraries.join(delimiter),
  };
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} the adapter's name; undefined where Dawn finds none, crashes or hangs
 */
function probe(env) {
  const script = fileURLToPath(new URL("probe.mjs", import.meta.url));
  const options = { env, cwd: root, timeout: 60_000, killSignal: /** @type {const} */ ("SIGKILL") };
  const { stdout } = spawnSync(process.execPath, [script], { ...options, encoding: "utf8" });
  const line = stdout?.trim().split("\n").at(-1);
  if (!line) return undefined;
  /** @type {{ error?: string, adapter?: Record<string, string> | null }} */
  const { error, adapter } = JSON.parse(line);
  if (error) throw new SetupError(`Dawn (the package 'webgpu') can't start: ${error.split("\n")[0]}`);
  if (!adapter) return undefined;
  const { name, vendor, architecture, description } = adapter;
  return [name || `${vendor} ${architecture}`, description && `(${description})`].filter(Boolean).join(" ");
}

/** Everything that Dawn's answer depends on, as a hash. */
function machineKey() {
  const {
    VK_DRIVER_FILES = "",
    VK_ICD_FILENAMES = "",
    VK_ADD_DRIVER_FILES = "",
    LD_LIBRARY_PATH = "",
  } = process.env;
  const named = [VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES].flatMap((list) =>
    list.split(delimiter),
  );
  const folders = [
    "/usr/share/vulkan/icd.d",
    "/usr/local/share/vulkan/icd.d",
    "/etc/vulkan/icd.d",
    "/dev/dri",
  ];
  const manifests = [...named, ...folders.flatMap(list)].filter((file) => file && existsSync(file));
  const libraries = [
    "/usr/lib",
    "/usr/lib64",
    ...list("/usr/lib").filter((folder) => folder.endsWith("-gnu")),
  ];
  const loaders = libraries.map((folder) => join(folder, "libvulkan.so.1")).filter(existsSync);
  const devices = list("/dev").filter((device) => device.startsWith("/dev/nvidia"));
  const webgpu = JSON.parse(readFileSync(join(root, "node_modules/webgpu/package.json"), "utf8"));
  const facts = [
    process.version,
    webgpu.version,
    process.arch,
    release(),
    LD_LIBRARY_PATH,
    named,
    devices,
    [...manifests, ...loaders].map((file) => [file, file.startsWith("/dev") ? 0 : statSync(file).mtimeMs]),
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

/** @param {string} folder */
const list = (folder) =>
  process.platform === "linux" && existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => join(folder, name))
    : [];

/**
 * @param {string} file
 * @returns {{ key: string, unpacked?: Unpacked } | undefined}
 */
function readStamp(file) {
  try {
    const stamp = JSON.parse(readFileSync(file, "utf8"));
    return !stamp.unpacked || existsSync(stamp.unpacked.driver) ? stamp : undefined;
  } catch {
    return undefined; // absent, or written half by a process that was killed
  }
}
