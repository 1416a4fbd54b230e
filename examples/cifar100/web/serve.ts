/** `npm run web`: bundles the page and serves it to this machine; `--build DIR` writes it as a static site instead. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { buildSite } from "./server/build-site.ts";
import { serveFolder } from "./server/static-server.ts";

const root = process.cwd(); // where scripts/run.mjs starts it
const defaultPort = 8777;

const command = new Command("web")
  .description("Train, watch and classify in the browser: serves the page on 127.0.0.1.")
  .option("--port <number>", "where it listens, 0 for any free port", parsePort, defaultPort)
  .option("--build <dir>", "write a static site for any folder of any HTTPS host, and serve nothing")
  .parse();

function parsePort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError("It must be an integer from 0 to 65535.");
}

async function main({ port, build }: { readonly port: number; readonly build?: string }): Promise<void> {
  if (build !== undefined) {
    const folder = resolve(process.env.INIT_CWD ?? ".", build);
    refuseForeign(folder);
    await buildSite({ root, folder, withPolicy: true });
    console.log(`The site is in ${folder}: put it in any folder of an HTTPS host.`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "wgrad-web-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0));
  await buildSite({ root, folder, withPolicy: false });
  const { address } = await serveFolder(folder, port);
  console.log(`The page is at ${address}, for this machine only. Ctrl-C ends it.`);
}

/** A folder that holds anything but an earlier site would lose it. */
function refuseForeign(folder: string): void {
  const isOwn = !existsSync(folder) || readdirSync(folder).length === 0;
  if (isOwn || existsSync(join(folder, "worker.js"))) return;
  throw new Error(`'${folder}' holds other files, which --build would delete; name an empty or a new folder`);
}

try {
  await main(command.opts());
} catch (error) {
  const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  const message = taken
    ? `port ${command.opts().port} is taken; pass --port 0 for a free one`
    : error instanceof Error
      ? error.message
      : String(error);
  console.error(`web: ${message}`);
  process.exitCode = 1;
}
