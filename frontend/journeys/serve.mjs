// The built app as the gateway serves it: same headers, same fallback. For pictures and checks that need no services.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const snippet = fileURLToPath(new URL('../../deploy/gateway/snippets/app-headers.conf', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json' };

/** The headers that nginx adds, without those that hold its variables. */
function headers() {
  const found = {};
  for (const [, name, value] of readFileSync(snippet, 'utf8').matchAll(/^add_header (\S+) "?([^"$]*?)"? always;$/gm)) found[name] = value;
  return found;
}

/** Serves dist on a free port; gives the address and a way to stop. */
export async function serve() {
  const added = headers();
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://x').pathname);
    const send = async (file) => {
      const body = await readFile(join(dist, file));
      response.writeHead(200, { ...added, 'Content-Type': `${TYPES[extname(file)] ?? 'application/octet-stream'}; charset=utf-8` });
      response.end(body);
    };
    send(extname(path) === '' ? 'index.html' : path).catch(() => {
      response.writeHead(404);
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}
