/** What to install by hand, on machines where set-up doesn't do it by itself. */
import { existsSync, readFileSync } from "node:fs";

/** @returns {Record<string, string>} the fields of /etc/os-release, empty where there is none */
export function osRelease() {
  if (!existsSync("/etc/os-release")) return {};
  const lines = readFileSync("/etc/os-release", "utf8").matchAll(/^([A-Z_]+)=["']?(.*?)["']?$/gm);
  return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, value]));
}

const byDistribution = {
  debian: "apt-get install mesa-vulkan-drivers libvulkan1",
  fedora: "dnf install mesa-vulkan-drivers vulkan-loader",
  rhel: "dnf install mesa-vulkan-drivers vulkan-loader",
  suse: "zypper install libvulkan_lvp libvulkan1",
  arch: "pacman -S vulkan-swrast vulkan-icd-loader",
};

/** @returns {string} one line: no adapter, and what to install */
export function howToInstall() {
  if (process.platform === "darwin") {
    return "no WebGPU adapter found: Dawn needs Metal, that is macOS 12 or newer on a Mac with a GPU (virtual machines often have none).";
  }
  if (process.platform === "win32") {
    return "no WebGPU adapter found: Dawn needs Direct3D 12 or Vulkan; install the graphics card vendor's current driver, then try again.";
  }
  if (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES) {
    return "no WebGPU adapter found: VK_DRIVER_FILES or VK_ICD_FILENAMES is set and names no usable driver; unset it, then try again.";
  }
  const { ID = "", ID_LIKE = "" } = osRelease();
  if (ID === "alpine") {
    return "no WebGPU adapter found: Dawn's build for Node needs glibc, which Alpine lacks; use a Debian or Fedora image.";
  }
  const names = [ID, ...ID_LIKE.split(" ")];
  const command = Object.entries(byDistribution).find(([name]) => names.some((id) => id.includes(name)))?.[1];
  return command
    ? `no WebGPU adapter found: install a Vulkan driver (Mesa 25 or newer; as root '${command}', or your graphics card's own), then try again.`
    : "no WebGPU adapter found: install the Vulkan loader and a driver (your graphics card's own, or Mesa's lavapipe, version 25 or newer), then try again.";
}
