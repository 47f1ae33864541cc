// npm canonicalize makes the same bytes of the same documents, npm gpt-tokenizer counts the same tokens.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

import canonicalize from "canonicalize";
import { encode as cl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { encode as o200k } from "gpt-tokenizer/encoding/o200k_base";

const encoders = { cl100k, o200k };
// A text is a text: what looks like a special token is counted as its characters.
const plain = { allowedSpecial: new Set(), disallowedSpecial: new Set() };
const seen = { documents: 0, differ: 0, counts: 0, miscounted: 0, over: 0 };

const complain = (n, ...what) => n <= 5 && console.log(...what);

for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const sample = JSON.parse(line);
  const text = sample.input ?? sample.content;
  const expected = sample.canonical ?? sample.content;
  const written = canonicalize(JSON.parse(text));
  seen.documents += 1;
  if (written !== expected || createHash("sha256").update(written).digest("hex") !== sample.sha256) {
    complain(++seen.differ, "another form of", text.slice(0, 200), "\n ", written.slice(0, 200), "\n ", expected.slice(0, 200));
  }
  if (sample.content !== undefined) {
    seen.counts += 1;
    const tokens = encoders[sample.encoding](sample.content, plain).length;
    if (tokens !== sample.tokens) complain(++seen.miscounted, `${sample.encoding}: ${tokens} tokens, ours ${sample.tokens}`);
    if (tokens > sample.budget) seen.over += 1;
  }
}

const row = (good, claim, figure) => console.log(`${good ? "ok" : "FAILED"}: ${claim} (${figure})`);
const same = seen.documents > 0 && seen.differ === 0;
const counted = seen.counts > 0 && seen.miscounted === 0 && seen.over === 0;
row(same, "npm canonicalize makes the same bytes and checksums", `${seen.documents} documents, ${seen.differ} differ`);
row(counted, "npm gpt-tokenizer counts the same tokens, none over its budget", `${seen.counts} manifests, ${seen.miscounted} miscounted, ${seen.over} over`);
process.exitCode = same && counted ? 0 : 1;
