/** Lets the FinalizationRegistry release what earlier tests left. Both projects expose `gc`. */
export async function collectGarbage(): Promise<void> {
  for (let k = 0; k < 3; k++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
