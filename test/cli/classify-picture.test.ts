/** Pictures of all kinds as the 32 x 32 pixels that a model sees. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { readPicture } from "../../examples/cifar100/classify/picture.ts";

const folder = mkdtempSync(join(tmpdir(), "wgrad-pictures-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Saves a picture and reads it as the command does. */
async function read(picture: Sharp | Uint8Array, name = "picture"): Promise<Uint8Array> {
  const path = join(folder, name);
  writeFileSync(path, picture instanceof Uint8Array ? picture : await picture.toBuffer());
  return (await readPicture(path)).pixels;
}
const plain = (width: number, height: number, background: string | object) =>
  sharp({ create: { width, height, channels: 4, background } });
/** Rectangles `[left, top, width, height, colour]` on black. */
const drawn = (width: number, height: number, ...parts: [number, number, number, number, string][]) =>
  plain(width, height, "black")
    .flatten()
    .composite(
      parts.map(([left, top, w, h, background]) => ({
        input: { create: { width: w, height: h, channels: 3, background } },
        left,
        top,
      })),
    );
const at = (pixels: Uint8Array, row: number, column: number) => [
  ...pixels.subarray(3 * (32 * row + column), 3 * (32 * row + column) + 3),
];
/** The one colour of all pixels. */
function colour(pixels: Uint8Array): number[] {
  expect(pixels).toHaveLength(32 * 32 * 3);
  const first = at(pixels, 0, 0);
  expect(pixels.every((byte, k) => byte === first[k % 3])).toBe(true);
  return first;
}
function near(values: number[], expected: number[], most: number): void {
  for (const [k, value] of values.entries())
    expect(Math.abs(value - (expected[k] ?? 0))).toBeLessThanOrEqual(most);
}

describe("readPicture", () => {
  test("leaves a picture of 32 x 32 as it is, in PNG and lossless WebP", async () => {
    const bytes = Uint8Array.from({ length: 32 * 32 * 3 }, (_, k) => (k * k + 7 * k) % 256);
    const raw = sharp(bytes, { raw: { width: 32, height: 32, channels: 3 } });
    expect(await read(raw.clone().png())).toEqual(Buffer.from(bytes));
    expect(await read(raw.clone().webp({ lossless: true }))).toEqual(Buffer.from(bytes));
  });

  test("takes the middle square, of wide pictures and high ones", async () => {
    const wide = drawn(96, 32, [0, 0, 32, 32, "#f00"], [32, 0, 32, 32, "#0f0"], [64, 0, 32, 32, "#00f"]);
    const high = drawn(40, 400, [0, 160, 40, 80, "#0f0"]);
    expect(colour(await read(wide.png()))).toEqual([0, 255, 0]);
    expect(colour(await read(high.png()))).toEqual([0, 255, 0]);
  });

  test("averages what it shrinks, and enlarges a single pixel", async () => {
    // Stripes of one pixel: half of the light. (Nearest neighbours would be black or white.)
    const stripes = Array.from({ length: 160 }, (_, k): [number, number, number, number, string] => [
      2 * k,
      0,
      1,
      320,
      "#fff",
    ]);
    const pixels = await read(drawn(320, 320, ...stripes).png());
    near(at(pixels, 16, 16), [127, 127, 127], 3);
    expect(colour(await read(plain(1, 1, "#102030").png()))).toEqual([0x10, 0x20, 0x30]);
  });

  test("turns it as EXIF says", async () => {
    // Red along the top; 6 means that the camera's top is at the right.
    const file = drawn(64, 64, [0, 0, 64, 16, "#f00"]).withMetadata({ orientation: 6 });
    for (const picture of [file.clone().jpeg({ quality: 100 }), file.clone().webp({ lossless: true })]) {
      const pixels = await read(picture);
      near(at(pixels, 28, 30), [255, 0, 0], 3);
      near(at(pixels, 2, 2), [0, 0, 0], 3);
    }
  });

  test("puts what is transparent on white, and makes three channels of 8 bits of others", async () => {
    expect(colour(await read(plain(50, 40, { r: 255, g: 0, b: 0, alpha: 0 }).webp()))).toEqual([
      255, 255, 255,
    ]);
    near(colour(await read(plain(50, 40, { r: 255, g: 0, b: 0, alpha: 0.5 }).png())), [255, 127, 127], 1);
    expect(colour(await read(plain(50, 40, "#555").flatten().toColourspace("b-w").png()))).toEqual([
      85, 85, 85,
    ]);
    near(
      colour(await read(plain(50, 40, "#8040f0").flatten().toColourspace("rgb16").png())),
      [128, 64, 240],
      1,
    );
    const cmyk = plain(50, 40, "#c04020").flatten().toColourspace("cmyk").jpeg({ quality: 100 });
    near(colour(await read(cmyk)), [192, 64, 32], 40); // that ink has no such red
  });

  test("gives a thumbnail that needs no file", async () => {
    writeFileSync(join(folder, "thumbnail.png"), await plain(10, 20, "#0f0").png().toBuffer());
    const { thumbnail } = await readPicture(join(folder, "thumbnail.png"));
    const [head, body = ""] = thumbnail.split(",");
    expect(head).toBe("data:image/jpeg;base64");
    expect(await sharp(Buffer.from(body, "base64")).metadata()).toMatchObject({ width: 320, height: 320 });
  });

  test("refuses what is no picture, and says why", async () => {
    const jpeg = await drawn(300, 300, [0, 0, 90, 90, "#0f0"]).jpeg().toBuffer();
    const png = await plain(300, 300, "#0f0").png().toBuffer();
    const huge = Buffer.from(png);
    huge.writeUInt32BE(60_000, 16);
    huge.writeUInt32BE(60_000, 20);
    const gif = await plain(30, 30, "#0f0").gif().toBuffer();
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    mkdirSync(join(folder, "album"));
    const files = {
      "empty.png": Buffer.alloc(0),
      "text.jpg": Buffer.from("not a picture"),
      "cut.jpg": jpeg.subarray(0, jpeg.length / 2),
      "cut.png": png.subarray(0, png.length / 2),
      "huge.png": huge,
      "moving.gif": gif,
      "drawing.svg": svg,
    };
    const messages: string[] = [];
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    for (const name of [...Object.keys(files), "album", "missing.jpg"])
      await readPicture(join(folder, name)).then(
        () => messages.push(`${name}: no error`),
        (error) => messages.push(`${error}`.replaceAll(folder, "FOLDER")),
      );
    expect(messages).toMatchInlineSnapshot(`
      [
        "PictureError: 'FOLDER/empty.png' is empty",
        "PictureError: 'FOLDER/text.jpg' can't be read (Input buffer contains unsupported image format): name a JPEG, PNG or WebP picture that is whole and has 268 million pixels at most",
        "PictureError: 'FOLDER/cut.jpg' can't be read (VipsJpeg: premature end of JPEG image): name a JPEG, PNG or WebP picture that is whole and has 268 million pixels at most",
        "PictureError: 'FOLDER/cut.png' can't be read (vipspng: libpng read error): name a JPEG, PNG or WebP picture that is whole and has 268 million pixels at most",
        "PictureError: 'FOLDER/huge.png' can't be read (Input image exceeds pixel limit): name a JPEG, PNG or WebP picture that is whole and has 268 million pixels at most",
        "PictureError: 'FOLDER/moving.gif' can't be read (it's GIF): name a JPEG, PNG or WebP picture that is whole and has 268 million pixels at most",
        "PictureError: 'FOLDER/drawing.svg' can't be read (it's SVG): name a JPEG, PNG or WebP picture that is whole and has 268 million pixels at most",
        "PictureError: 'FOLDER/album' is a folder; name the pictures in it",
        "PictureError: 'FOLDER/missing.jpg' isn't there",
      ]
    `);
  });
});
