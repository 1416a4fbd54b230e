/** Prints the line that `.ci/run` ends with, from vitest's JSON report: node .ci/summary.mjs REPORT VITEST_STATUS BROKEN_STEPS */
import { readFileSync } from "node:fs";

const [file = "", status = "1", broken = "0"] = process.argv.slice(2);
/** @type {{ testResults?: { status: string, assertionResults: { status: string }[] }[] }} */
let report = {};
try {
  report = JSON.parse(readFileSync(file, "utf8"));
} catch {} // vitest didn't get as far as writing one; its status says so
const files = report.testResults ?? [];
const tests = files.flatMap((file) => file.assertionResults);
const count = (/** @type {(status: string) => boolean} */ matches) =>
  tests.filter((test) => matches(test.status)).length;

const passed = count((status) => status === "passed");
const skipped = count((status) => status !== "passed" && status !== "failed");
// A file that can't be loaded, or whose hooks fail, has no failed test of its own.
const brokenFiles = files.filter(
  (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
).length;
const seen = count((status) => status === "failed") + brokenFiles + Number(broken);
// vitest may fail in other ways: an unhandled rejection, a worker that died, no test at all.
const failed = seen === Number(broken) && status !== "0" ? seen + 1 : seen;

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failed > 0 ? 1 : 0);
