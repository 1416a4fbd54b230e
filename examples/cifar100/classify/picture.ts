/** Pictures of any size, as the model sees them: the middle square, 32 x 32 pixels. */
import { readFile } from "node:fs/promises";
import sharp, { type Sharp } from "sharp";
import { fromCallersFolder } from "../options.ts";

export interface Picture {
  /** As the user named it. */
  readonly name: string;
  /** RGB, row-major: `[32, 32, 3]`, 0 to 255. */
  readonly pixels: Uint8Array;
  /** The square, larger, as a data URI. */
  readonly thumbnail: string;
}

/** Thrown for a file that can't be classified. Its message names the file. */
export class PictureError extends Error {
  override readonly name = "PictureError";
}

const side = 32;
/** Sharp enough on screens of two dots a pixel. */
const thumbnailSide = 320;
const formats = ["jpeg", "png", "webp"];

/** @throws PictureError for a file that's missing, empty, damaged or no picture */
export async function readPicture(name: string): Promise<Picture> {
  const file = await contentOf(name);
  try {
    const { format } = await sharp(file).metadata();
    if (!formats.includes(format)) throw new Error(`it's ${format.toUpperCase()}`);
    const [pixels, thumbnail] = await Promise.all([
      square(file, side).raw().toBuffer(),
      square(file, thumbnailSide).jpeg().toBuffer(),
    ]);
    return { name, pixels, thumbnail: `data:image/jpeg;base64,${thumbnail.toString("base64")}` };
  } catch (error) {
    const [reason] = error instanceof Error ? error.message.split("\n") : [String(error)];
    const wanted = "name a JPEG, PNG or WebP picture that is whole and has 268 million pixels at most";
    throw new PictureError(`'${name}' can't be read (${reason}): ${wanted}`, { cause: error });
  }
}

/**
 * Turned as its EXIF data say, cut to the middle square, shrunk with Lanczos' filter of three lobes; what is transparent becomes white,
 * grey and CMYK become sRGB of 8 bits a channel.
 */
function square(file: Uint8Array, size: number): Sharp {
  return sharp(file)
    .autoOrient()
    .resize(size, size, { fit: "cover", position: "centre", kernel: "lanczos3" })
    .flatten({ background: "white" })
    .toColourspace("srgb");
}

async function contentOf(name: string): Promise<Uint8Array> {
  let content: Uint8Array;
  try {
    content = await readFile(fromCallersFolder(name));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const reason =
      code === "ENOENT"
        ? "isn't there"
        : code === "EISDIR"
          ? "is a folder; name the pictures in it"
          : `can't be read (${code ?? error})`;
    throw new PictureError(`'${name}' ${reason}`, { cause: error });
  }
  if (content.length === 0) throw new PictureError(`'${name}' is empty`);
  return content;
}
