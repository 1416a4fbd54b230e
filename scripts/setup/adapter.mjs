/** stub */
export function provideAdapter() {
  return process.env;
}
