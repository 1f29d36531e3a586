// Builds web/dist: one stylesheet, one script per page that needs one, fonts, and a manifest.
// Every name carries a hash of its contents, so that browsers may keep a file for ever; the manifest
// tells the templates which name stands for which source.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import * as esbuild from "esbuild";
import * as sass from "sass";

const out = "dist";
rmSync(out, { recursive: true, force: true });
mkdirSync(out);

const styles = sass.compile("styles/site.scss", { loadPaths: ["node_modules"], quietDeps: true });

const common = {
  bundle: true,
  minify: true,
  metafile: true,
  outdir: out,
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  // Telephones of five years ago.
  target: "es2020",
  logLevel: "warning",
};

const builds = await Promise.all([
  esbuild.build({
    ...common,
    stdin: { contents: styles.css, loader: "css", resolveDir: ".", sourcefile: "site.css" },
    entryNames: "site-[hash]",
    loader: { ".woff2": "file" },
  }),
  esbuild.build({
    ...common,
    entryPoints: ["styles/icon.svg"],
    loader: { ".svg": "copy" },
  }),
  esbuild.build({
    ...common,
    entryPoints: ["src/meeting.ts", "src/parts.ts", "src/upload.ts", "src/webcast.ts"],
    format: "esm",
    // hls.js and tus-js-client come as files of their own, fetched only where there is something to play or send.
    splitting: true,
  }),
]);

const manifest = {};
for (const { metafile } of builds) {
  for (const path of Object.keys(metafile.outputs)) {
    const file = basename(path);
    manifest[file.replace(/-[A-Z0-9]{8}(?=\.[a-z0-9]+$)/, "")] = file;
  }
}
const names = Object.keys(manifest).sort();
writeFileSync(`${out}/manifest.json`, `${JSON.stringify(manifest, names, 2)}\n`);

for (const { metafile } of builds) {
  for (const [path, { bytes }] of Object.entries(metafile.outputs)) {
    console.log(`${path}  ${(bytes / 1024).toFixed(1)} kB`);
  }
}
