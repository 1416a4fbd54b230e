/** A download that came to nothing. The message is one line: what went wrong, and that the file can be had by hand. */
export class DownloadError extends Error {
  override readonly name = "DownloadError";
}

/** What `error` says, in one line: a system error's code where it has one. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string"
    ? error.code
    : (error.message.split("\n")[0] ?? "");
}
