/**
 * Reads CIFAR-10 and CIFAR-100 from their archives or files, wherever the bytes come from: a stream from `fetch`, a `File`
 * that the user picked, a Node stream. Works on streams throughout and keeps nothing but the decoded set. What is in an archive
 * is recognised by the members' names; nothing is written, and links and paths that lead out of the archive are ignored.
 */
import { ByteReader, type ByteSource, chunksOf, gunzip } from "./bytes.ts";
import { type ImageSet, joinSets, RecordDecoder, type TrainTest } from "./cifar-binary.ts";
import { type CifarFile, type CifarFormat, cifar10Format, cifar100Format } from "./cifar-format.ts";
import { DatasetError } from "./dataset-error.ts";
import { isTarHeader, type TarMember, tarMembers } from "./tar.ts";

export interface ReadCifarOptions {
  /** Only the official numbers of images will do (default). `false` takes any files in this format of 1 to 50,000 images. */
  readonly verify?: boolean;
  /** What errors call the archive, or the folder of the files. */
  readonly name?: string;
  /** Called with each piece of the set's files as it is read, in order: for checksums. */
  readonly onFileBytes?: (file: string, bytes: Uint8Array) => void;
}

/**
 * CIFAR-100's training and test set.
 * @param source a `.tar.gz` or `.tar` (told apart by their first bytes), or the contents of `train.bin` and `test.bin`
 * @throws DatasetError for anything that isn't the set, naming the file, what was expected and what to do
 */
export function readCifar100(
  source: ByteSource | { readonly train: ByteSource; readonly test: ByteSource },
  options: ReadCifarOptions = {},
): Promise<TrainTest> {
  if (!("train" in source)) return readCifarArchive(cifar100Format, source, options);
  return readCifarFiles(cifar100Format, [source.train, source.test], options);
}

/**
 * CIFAR-10's training and test set.
 * @param source a `.tar.gz` or `.tar` (told apart by their first bytes), or the contents of `data_batch_1.bin` to
 *   `data_batch_5.bin` and of `test_batch.bin`
 * @throws DatasetError for anything that isn't the set, naming the file, what was expected and what to do
 */
export function readCifar10(
  source: ByteSource | { readonly train: readonly ByteSource[]; readonly test: ByteSource },
  options: ReadCifarOptions = {},
): Promise<TrainTest> {
  if (!("train" in source)) return readCifarArchive(cifar10Format, source, options);
  return readCifarFiles(cifar10Format, [...source.train, source.test], options);
}

/** @param sources the contents of the format's files, in its order */
export async function readCifarFiles(
  format: CifarFormat,
  sources: readonly ByteSource[],
  { verify = true, name, onFileBytes }: ReadCifarOptions = {},
): Promise<TrainTest> {
  const { id, files, filesInWords } = format;
  if (sources.length !== files.length) {
    throw new DatasetError(
      `[${id}] there must be ${files.length} files, ${filesInWords}, but there are ${sources.length}; give all of them`,
    );
  }
  const folder = name === undefined ? "" : `${name}/`;
  const sets = new Map<string, ImageSet>();
  for (const [k, file] of files.entries()) {
    const decoder = new RecordDecoder(format, file, { verify, name: `${folder}${file.name}` });
    sets.set(file.name, await decode(decoder, file, chunksOf(sources[k] as ByteSource), onFileBytes));
  }
  return splitsOf(format, sets);
}

/** @param source a `.tar.gz` or `.tar` */
export async function readCifarArchive(
  format: CifarFormat,
  source: ByteSource,
  { verify = true, name = "the archive", onFileBytes }: ReadCifarOptions = {},
): Promise<TrainTest> {
  const sets = new Map<string, ImageSet>();
  const others: string[] = [];
  for await (const member of tarMembers(await tarBytes(format, source, name), name)) {
    const file = fileOf(format, member);
    if (file === undefined) {
      if (!member.name.endsWith("/")) others.push(member.name);
      continue;
    }
    if (sets.has(file.name)) {
      throw new DatasetError(
        `[${format.id}] '${name}' must hold one ${file.name}, but '${member.name}' is a second; ${advice(format)}`,
      );
    }
    const decoder = new RecordDecoder(format, file, {
      verify,
      size: member.size,
      name: `${member.name}' in '${name}`,
    });
    sets.set(file.name, await decode(decoder, file, member.body, onFileBytes));
  }
  const lacking = format.files.filter((file) => !sets.has(file.name));
  if (lacking.length > 0) throw missing(format, lacking, others, name);
  return splitsOf(format, sets);
}

async function decode(
  decoder: RecordDecoder,
  file: CifarFile,
  body: AsyncIterable<Uint8Array>,
  onFileBytes: ReadCifarOptions["onFileBytes"],
): Promise<ImageSet> {
  for await (const bytes of body) {
    decoder.push(bytes);
    onFileBytes?.(file.name, bytes);
  }
  return decoder.finish();
}

function splitsOf({ files }: CifarFormat, sets: ReadonlyMap<string, ImageSet>): TrainTest {
  const of = (which: CifarFile["split"]) =>
    joinSets(files.flatMap(({ name, split }) => (split === which ? (sets.get(name) ?? []) : [])));
  return { train: of("train"), test: of("test") };
}

/** Which of the set's files a member is. Only regular files inside the archive's own folder count. */
function fileOf({ files }: CifarFormat, { name, isFile }: TarMember): CifarFile | undefined {
  const folders = name.split("/");
  const base = folders.pop();
  const stays = !name.startsWith("/") && !name.includes("\\") && !folders.includes("..");
  return isFile && stays ? files.find((file) => file.name === base) : undefined;
}

/** The tar archive in `source`, decompressed where it's gzip. */
async function tarBytes(
  format: CifarFormat,
  source: ByteSource,
  name: string,
): Promise<AsyncGenerator<Uint8Array>> {
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
      return new DatasetError(`[${format.id}] '${name}' ${problem}; download it again`, { cause });
    });
  }
  await reader.close();
  throw new DatasetError(
    `[${format.id}] '${name}' must be a .tar.gz or .tar archive, but it ${contents(head)}; ${advice(format)}`,
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
  format: CifarFormat,
  lacking: readonly CifarFile[],
  others: readonly string[],
  name: string,
): DatasetError {
  const { id, files, filesInWords, otherSets } = format;
  const lacks =
    lacking.length === files.length ? filesInWords : lacking.map((file) => file.name).join(" and ");
  const more = others.length > 4 ? [`${others.length - 4} more`] : [];
  const holds = others.length === 0 ? "no other file" : [...others.slice(0, 4), ...more].join(", ");
  const isOutside = others.some((other) => files.some((file) => other.split(/[/\\]/).at(-1) === file.name));
  const kind =
    otherSets.find(([pattern]) => others.some((other) => pattern.test(other)))?.[1] ??
    (isOutside ? "links and paths out of the archive aren't followed" : undefined);
  return new DatasetError(
    `[${id}] '${name}' must hold ${filesInWords}, but it lacks ${lacks} and holds ` +
      `${holds}${kind === undefined ? "" : ` (${kind})`}; ${advice(format)}`,
  );
}

function advice({ title, archive }: CifarFormat): string {
  return `get the binary version of ${title}, ${archive.name}`;
}
