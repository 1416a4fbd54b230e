/**
 * Reads CIFAR-100 from its archive or its two files, wherever the bytes come from: a stream from `fetch`, a `File` that the
 * user picked, a Node stream. Works on streams throughout and keeps nothing but the decoded set. What is in an archive is
 * recognised by the members' names; nothing is written, and links and paths that lead out of the archive are ignored.
 */
import { ByteReader, type ByteSource, chunksOf, gunzip } from "./bytes.ts";
import { type ImageSet, RecordDecoder, type Split, type TrainTest } from "./cifar-binary.ts";
import { DatasetError } from "./dataset-error.ts";
import { isTarHeader, type TarMember, tarMembers } from "./tar.ts";

export interface ReadCifar100Options {
  /** Only the official numbers of images will do (default). `false` takes any set in this format of 1 to 50,000 images. */
  readonly verify?: boolean;
  /** What errors call the archive, or the folder of the two files. */
  readonly name?: string;
  /** Called with each piece of `train.bin` and `test.bin` as it is read, in order: for checksums. */
  readonly onFileBytes?: (file: Split, bytes: Uint8Array) => void;
}

const advice = "get the binary version of CIFAR-100, cifar-100-binary.tar.gz";

/**
 * The training and the test set.
 * @param source a `.tar.gz` or `.tar` (told apart by their first bytes), or the contents of `train.bin` and `test.bin`
 * @throws DatasetError for anything that isn't the set, naming the file, what was expected and what to do
 */
export async function readCifar100(
  source: ByteSource | { readonly train: ByteSource; readonly test: ByteSource },
  options: ReadCifar100Options = {},
): Promise<TrainTest> {
  const { verify = true, onFileBytes = () => {} } = options;
  const read = async (
    which: Split,
    decoder: RecordDecoder,
    body: AsyncIterable<Uint8Array>,
  ): Promise<ImageSet> => {
    for await (const bytes of body) {
      decoder.push(bytes);
      onFileBytes(which, bytes);
    }
    return decoder.finish();
  };
  if ("train" in source) {
    const folder = options.name === undefined ? "" : `${options.name}/`;
    const file = (which: Split) => {
      const decoder = new RecordDecoder(which, { verify, name: `${folder}${which}.bin` });
      return read(which, decoder, chunksOf(source[which]));
    };
    return { train: await file("train"), test: await file("test") };
  }

  const name = options.name ?? "the archive";
  const sets: { train?: ImageSet; test?: ImageSet } = {};
  const others: string[] = [];
  for await (const member of tarMembers(await tarBytes(source, name), name)) {
    const which = splitOf(member);
    if (which === undefined) {
      if (!member.name.endsWith("/")) others.push(member.name);
      continue;
    }
    const file = `${member.name}' in '${name}`;
    if (sets[which] !== undefined) {
      throw new DatasetError(
        `[cifar100] '${name}' must hold one ${which}.bin, but '${member.name}' is a second; ${advice}`,
      );
    }
    sets[which] = await read(
      which,
      new RecordDecoder(which, { verify, size: member.size, name: file }),
      member.body,
    );
  }
  const { train, test } = sets;
  if (train === undefined || test === undefined) throw missing(sets, others, name);
  return { train, test };
}

/** Which of the two files a member is. Only regular files inside the archive's own folder count. */
function splitOf({ name, isFile }: TarMember): Split | undefined {
  const folders = name.split("/");
  const base = folders.pop();
  const stays = !name.startsWith("/") && !name.includes("\\") && !folders.includes("..");
  if (!isFile || !stays) return undefined;
  return base === "train.bin" ? "train" : base === "test.bin" ? "test" : undefined;
}

/** The tar archive in `source`, decompressed where it's gzip. */
async function tarBytes(source: ByteSource, name: string): Promise<AsyncGenerator<Uint8Array>> {
  const reader = new ByteReader(source);
  const head = await reader.take(512);
  const whole = (async function* () {
    try {
      yield head;
      yield* reader.pieces(Number.POSITIVE_INFINITY);
    } finally {
      await reader.close();
    }
  })();
  if (isTarHeader(head)) return whole;
  if (head[0] === 0x1f && head[1] === 0x8b) {
    return gunzip(whole, (cause) => {
      const problem = "is damaged or truncated: its gzip data ends early or fails its checksum";
      return new DatasetError(`[cifar100] '${name}' ${problem}; download it again`, { cause });
    });
  }
  await reader.close();
  throw new DatasetError(
    `[cifar100] '${name}' must be a .tar.gz or .tar archive, but it ${contents(head)}; ${advice}`,
  );
}

/** What a file that is no archive seems to be, by its first bytes. */
function contents(head: Uint8Array): string {
  if (head.length === 0) return "is empty";
  const start = new TextDecoder("latin1").decode(head);
  if (/^\s*</.test(start)) return "is a web page (a download that went wrong)";
  if (start.startsWith("PK")) return "is a zip file";
  const bytes = [...head.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `starts with the bytes ${bytes}`;
}

/** An archive of something else. The other versions of the set, which its home page offers beside it, are recognised. */
function missing(
  found: { train?: ImageSet; test?: ImageSet },
  others: readonly string[],
  name: string,
): DatasetError {
  const lacking = ["train", "test"].filter((which) => !(which in found)).map((which) => `${which}.bin`);
  const more = others.length > 4 ? [`${others.length - 4} more`] : [];
  const holds = others.length === 0 ? "no other file" : [...others.slice(0, 4), ...more].join(", ");
  const kind = kinds.find(([pattern]) => others.some((other) => pattern.test(other)))?.[1] ?? "";
  return new DatasetError(
    `[cifar100] '${name}' must hold train.bin and test.bin, but it lacks ${lacking.join(" and ")} and holds ` +
      `${holds}${kind}; ${advice}`,
  );
}

/** What a member's name says about its archive. */
const kinds: readonly (readonly [RegExp, string])[] = [
  [/cifar-100-python\//, " (the Python version of CIFAR-100)"],
  [/cifar-10-batches-/, " (CIFAR-10)"],
  [/(^|[/\\])(train|test)\.bin$/, " (links and paths out of the archive aren't followed)"],
];
