import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Md5 } from "../../examples/cifar100/web/worker/md5.ts";

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, k) => (k * 7 + (k >> 8)) & 255);

describe("MD5", () => {
  it.each([0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 100_000])("of %i bytes is Node's", (length) => {
    const bytes = bytesOf(length);
    const md5 = new Md5();
    md5.update(bytes);
    expect(md5.digest()).toBe(createHash("md5").update(bytes).digest("hex"));
  });

  it.each([1, 63, 64, 65, 1000])("doesn't depend on pieces of %i bytes", (size) => {
    const bytes = bytesOf(10_007);
    const md5 = new Md5();
    for (let at = 0; at < bytes.length; at += size) md5.update(bytes.subarray(at, at + size));
    expect(md5.digest()).toBe(createHash("md5").update(bytes).digest("hex"));
  });
});
