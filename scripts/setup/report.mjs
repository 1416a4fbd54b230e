/** What set-up says: few plain lines on stderr, so that a command's own output on stdout stays clean. */

/** A failure whose message tells the reader what to do; it's shown without a stack trace. */
export class SetupError extends Error {}

/** @param {string} line */
export const say = (line) => console.error(`wgrad: ${line}`);

/**
 * Ends the process with status 1.
 * @param {unknown} error
 * @returns {never}
 */
export function fail(error) {
  if (error instanceof SetupError) say(error.message);
  else console.error(error);
  process.exit(1);
}
