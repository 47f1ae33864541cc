// The client against a service that is played here, and against the real one when GATEWAY_URL names it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { ManifestClient, ManifestError } from "../dist/index.js";

const manifest = (sequence) => ({
  record: { workspace_id: "w", sequence, version: `1.0.${sequence}`, checksum: "a".repeat(64) },
  content: { company: { name: "Acme" } },
});

let server, url, play, asked;

before(async () => {
  server = createServer((request, response) => {
    asked.push({ path: request.url, ...request.headers });
    play(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

function client(more = {}) {
  asked = [];
  return new ManifestClient({ url, token: () => "t", workspace: "w", ...more });
}

const serving = (sequence, headers = {}) => (request, response) => {
  const etag = `W/"${sequence}"`;
  const held = request.headers["if-none-match"] === etag;
  response.writeHead(held ? 304 : 200, { ETag: etag, "Content-Type": "application/json", ...headers });
  response.end(held ? undefined : JSON.stringify(manifest(sequence)));
};
const failing = (status, body = {}, headers = {}) => (_, response) => {
  response.writeHead(status, { "Content-Type": "application/problem+json", ...headers });
  response.end(JSON.stringify(body));
};

test("what was read is asked for again with its tag, and sent once", async () => {
  const reader = client();
  play = serving(1);
  assert.equal((await reader.read()).from, "network");
  const again = await reader.read();
  assert.deepEqual([again.from, again.stale, again.manifest.content.company.name], ["revalidated", false, "Acme"]);
  assert.deepEqual(asked.map((request) => request["if-none-match"]), [undefined, 'W/"1"']);
  assert.deepEqual([asked[0].authorization, asked[0]["x-workspace-id"]], ["Bearer t", "w"]);
  play = serving(2);
  assert.equal((await reader.read()).manifest.record.sequence, 2);
});

test("without an answer the kept version is given, and without one there is an error", async () => {
  const reader = client({ timeoutMs: 200 });
  play = serving(1);
  await reader.read();
  const cutOff = (_, response) => {
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" });
    response.write("{", () => response.destroy());
  };
  for (const trouble of [failing(503), (_, response) => response.destroy(), () => {}, cutOff, (_, response) => response.end("no JSON")]) {
    play = trouble;
    const { from, stale, manifest } = await reader.read();
    assert.deepEqual([from, stale, manifest.record.sequence], ["kept", true, 1]);
  }
  await assert.rejects(client({ timeoutMs: 200 }).read(), ManifestError);
  play = serving(1);
  assert.equal((await reader.read()).from, "revalidated");
});

test("a problem of the caller's is told, whatever is kept", async () => {
  const reader = client();
  play = serving(1);
  await reader.read();
  play = failing(404, { code: "GW-0002", title: "There is nothing here" });
  await assert.rejects(reader.read(), (error) => error.status === 404 && error.code === "GW-0002" && error.message === "There is nothing here");
  play = failing(429, { code: "GW-0010" }, { "Retry-After": "7" });
  await assert.rejects(reader.read(), (error) => error.retryAfter === 7);
  play = failing(202, { state: "building" });
  await assert.rejects(reader.read(), (error) => error.status === 202 && error.message === "building");
});

test("an older version is not taken over, unless consumers are kept on it", async () => {
  const reader = client();
  play = serving(5);
  await reader.read();
  play = serving(4);
  const held = await reader.read();
  assert.deepEqual([held.manifest.record.sequence, held.stale], [5, true]);
  play = serving(4, { "Manifest-Pinned": "true" });
  const pinned = await reader.read();
  assert.deepEqual([pinned.manifest.record.sequence, pinned.pinned], [4, true]);
  play = serving(5);
  assert.equal((await reader.read()).manifest.record.sequence, 5);
});

test("an answer that was overtaken does not bring an older version back", async () => {
  const reader = client();
  let release;
  play = (request, response) => { release = () => serving(1)(request, response); };
  const slow = reader.read();
  while (!release) await new Promise((resolve) => setTimeout(resolve, 5));
  play = serving(2);
  assert.equal((await reader.read()).manifest.record.sequence, 2);
  release();
  assert.equal((await slow).manifest.record.sequence, 2);
  assert.equal((await reader.read()).from, "revalidated");
});

test("a name that was given to an older version is followed, and a pin is heard of without a new version", async () => {
  const reader = client();
  play = serving(5);
  await reader.read({ alias: "campaign-1" });
  play = serving(4);
  const moved = await reader.read({ alias: "campaign-1" });
  assert.deepEqual([moved.manifest.record.sequence, moved.from], [4, "network"]);
  await reader.read();
  play = serving(4, { "Manifest-Pinned": "true" });
  const pinned = await reader.read();
  assert.deepEqual([pinned.from, pinned.pinned], ["revalidated", true]);
});

test("names and versions are read by their own addresses, and kept apart", async () => {
  const reader = client();
  play = serving(1);
  await reader.read({ alias: "campaign-1" });
  await reader.read({ version: "1.0.0" });
  await reader.read({ version: 3 });
  assert.deepEqual(asked.map((request) => request.path), [
    "/api/context/manifest?alias=campaign-1",
    "/api/context/manifest/versions/1.0.0",
    "/api/context/manifest/versions/3",
  ]);
  assert.ok(asked.every((request) => request["if-none-match"] === undefined));
});

test("an answer larger than any manifest is given up, and one that is stale says so", async () => {
  play = (_, response) => response.writeHead(200, { "Content-Type": "application/json" }).end(`{"a":"${"x".repeat(5000)}"}`);
  await assert.rejects(client({ maxBytes: 1000 }).read(), /more than 1000 bytes/);
  play = serving(1, { Warning: '110 - "Response is Stale"' });
  assert.equal((await client().read()).stale, true);
});

test("whoever asks can give up", async () => {
  const reader = client();
  play = serving(1);
  await reader.read();
  play = () => {};
  await assert.rejects(reader.read({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
});

test("the real service", { skip: !process.env.MANIFEST_TOKEN && "no stack" }, async () => {
  const reader = new ManifestClient({ url: process.env.GATEWAY_URL, token: process.env.MANIFEST_TOKEN });
  const first = await reader.read();
  assert.match(first.manifest.record.checksum, /^[0-9a-f]{64}$/);
  assert.equal((await reader.read()).from, "revalidated");
  const prompt = await reader.prompt({ budget: 300, purpose: "copywriting" });
  assert.ok(prompt.tokens <= 300 && prompt.checksum === first.manifest.record.checksum && prompt.text.includes("<<<business-context"));
});
