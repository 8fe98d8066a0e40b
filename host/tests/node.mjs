// Runs the WASI command over files, and writes each answer beside the others: node node.mjs MODULE FOLDER FILE...
// The answer to the n-th file is FOLDER/n.
import { readFile } from "node:fs/promises";
import { closeSync, openSync } from "node:fs";
import { WASI } from "node:wasi";

const [, , path, folder, ...files] = process.argv;
const module = await WebAssembly.compile(await readFile(path));
for (const [n, file] of files.entries()) {
  const [stdin, stdout] = [openSync(file, "r"), openSync(`${folder}/${n}`, "w")];
  const wasi = new WASI({ version: "preview1", args: [], env: {}, preopens: {}, stdin, stdout, returnOnExit: true });
  const status = wasi.start(await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport }));
  closeSync(stdin);
  closeSync(stdout);
  if (status !== 0) {
    throw new Error(`${file}: status ${status}`);
  }
}
