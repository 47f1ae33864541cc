// Writes a .gz beside every text of dist, for the gateway's gzip_static.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const TEXTS = /\.(html|js|css|svg|json|webmanifest)$/;

for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && TEXTS.test(entry.name)) await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
}
