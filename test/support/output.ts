/** What a command prints, whether it succeeds or not: a compiler's complaints are the message of a failing test. */
export function output(run: () => string): string {
  try {
    return run();
  } catch (error) {
    return error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
  }
}
