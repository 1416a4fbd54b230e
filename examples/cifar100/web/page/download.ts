/** Hands a file to the browser's downloads. */
import { el } from "./dom.ts";

export function download(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const address = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  const link = el("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  // The download begins after the click's task.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
