/** What the page may do: run and fetch what lies beside it, show pictures that it made, and nothing else. */

const rules = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
];

/** For a `<meta>` element, where a policy can't say who may frame the page. */
export const metaPolicy = rules.join("; ");
/** For the header. */
export const headerPolicy = [...rules, "frame-ancestors 'none'"].join("; ");
