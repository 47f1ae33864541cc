/**
 * Reads the Business Context Manifest of a workspace.
 *
 * What was read is kept: while the service says that it has not changed (304), or does not answer, the kept version is given. A
 * current version that is older than the kept one is not taken over unless the workspace is pinned.
 */

import type { Content, Manifest, Record as ManifestRecord } from "./manifest.js";

export type { Content, Manifest, ManifestRecord };

/** A problem of the service (RFC 9457). */
export class ManifestError extends Error {
  constructor(
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** The stable code, such as `BCM-0001`. */
    readonly code: string,
    message: string,
    /** Seconds after which to ask again, when the service says so. */
    readonly retryAfter?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ManifestError";
  }
}

/** What was read. */
export interface Read {
  /** Record and content. */
  manifest: Manifest;
  /** `network`: just sent. `revalidated`: the service says that it has not changed. `kept`: the service does not answer. */
  from: "network" | "revalidated" | "kept";
  /** Whether it may be old: the service or its database does not answer. */
  stale: boolean;
  /** Whether consumers are kept on this version although there is a newer one. */
  pinned: boolean;
}

/** Where and as whom to read. */
export interface Options {
  /** Where the service is: `https://groundwork.example`. */
  url: string;
  /** An access token, or what gives one. */
  token: string | (() => string | Promise<string>);
  /** The workspace; without it the oldest of the user's. */
  workspace?: string;
  /** Milliseconds until an answer is given up; 10,000 unless said. */
  timeoutMs?: number;
  /** The most bytes of an answer; 1 MiB unless said. */
  maxBytes?: number;
  /** How to fetch, for tests and other runtimes. */
  fetch?: typeof fetch;
}

/** What to read. */
export interface Which {
  /** `live` (the default), `latest`, or a name that was given to a version. */
  alias?: string;
  /** A sequence or semantic version, instead of an alias. */
  version?: number | string;
  /** Gives the reading up. */
  signal?: AbortSignal;
}

/** What a prompt is for and how long it may be. */
export interface PromptOptions extends Which {
  /** The most tokens, 100 to 16,000. */
  budget?: number;
  encoding?: "cl100k" | "o200k";
  purpose?: "general" | "copywriting" | "campaign" | "sales" | "strategy";
}

/** A text for the prompt of a language model. */
export interface Prompt {
  text: string;
  tokens: number;
  budget: number;
  encoding: string;
  purpose: string;
  omitted: string[];
  rendering: string;
  version: string;
  sequence: number;
  checksum: string;
  freshness: "fresh" | "stale" | "expired";
}

interface Kept<T> {
  etag: string;
  body: T;
  pinned: boolean;
}

/** Reads the manifest of one workspace, and keeps what it read. */
export class ManifestClient {
  readonly #options: Required<Omit<Options, "workspace">> & Pick<Options, "workspace">;
  readonly #kept = new Map<string, Kept<unknown>>();

  constructor(options: Options) {
    this.#options = { timeoutMs: 10_000, maxBytes: 1 << 20, fetch: globalThis.fetch.bind(globalThis), ...options };
  }

  /** The manifest. Answers the kept one when the service does not answer; rejects when nothing was kept. */
  async read(which: Which = {}): Promise<Read> {
    const path = which.version === undefined
      ? `/api/context/manifest${query({ alias: which.alias })}`
      : `/api/context/manifest/versions/${encodeURIComponent(which.version)}`;
    // Only the head goes forward: a name may be given to an older version.
    const follows = which.version === undefined && [undefined, "live", "latest"].includes(which.alias);
    const { body, from, stale, pinned } = await this.#get<Manifest>(path, which.signal, follows ? isOlder : undefined);
    return { manifest: body, from, stale, pinned };
  }

  /** The manifest as text for a prompt. */
  async prompt(options: PromptOptions = {}): Promise<Prompt> {
    const { budget, encoding, purpose, alias, version } = options;
    const path = `/api/context/prompt${query({ format: "json", budget, encoding, purpose, alias, version })}`;
    return (await this.#get<Prompt>(path, options.signal)).body;
  }

  async #get<T>(path: string, signal: AbortSignal | undefined, older?: (next: T, kept: T) => boolean) {
    const kept = this.#kept.get(path) as Kept<T> | undefined;
    let answer: Response;
    try {
      answer = await this.#ask(path, kept?.etag, signal);
    } catch (error) {
      if (signal?.aborted) throw error;
      if (kept) return { ...kept, from: "kept" as const, stale: true };
      throw new ManifestError(0, "", "the service does not answer", undefined, { cause: error });
    }
    const stale = answer.headers.has("warning");
    if (answer.status === 304 && kept) {
      // A newer version may have come, or the pin gone, while this one is still the one for consumers.
      const same = { ...kept, pinned: answer.headers.get("manifest-pinned") === "true" };
      if (this.#kept.get(path) === kept) this.#kept.set(path, same);
      return { ...same, from: "revalidated" as const, stale };
    }
    if (answer.status >= 500 && kept) return { ...kept, from: "kept" as const, stale: true };
    if (answer.status !== 200) throw await problem(answer);
    let body: T;
    try {
      body = JSON.parse(await this.#text(answer)) as T;
    } catch (error) {
      if (signal?.aborted || error instanceof ManifestError) throw error;
      if (kept) return { ...kept, from: "kept" as const, stale: true };
      throw new ManifestError(answer.status, "", "the answer cannot be read", undefined, { cause: error });
    }
    const next = { etag: answer.headers.get("etag") ?? "", body, pinned: answer.headers.get("manifest-pinned") === "true" };
    // Another question may have been asked later and answered sooner.
    const held = this.#kept.get(path) as Kept<T> | undefined;
    if (held && older && !next.pinned && !held.pinned && older(body, held.body)) {
      return { ...held, from: "kept" as const, stale: true };
    }
    this.#kept.set(path, next);
    return { ...next, from: "network" as const, stale };
  }

  async #ask(path: string, etag: string | undefined, signal: AbortSignal | undefined): Promise<Response> {
    const { url, token, workspace, timeoutMs } = this.#options;
    const headers = new Headers({ Accept: "application/json" });
    headers.set("Authorization", `Bearer ${typeof token === "function" ? await token() : token}`);
    if (workspace) headers.set("X-Workspace-Id", workspace);
    if (etag) headers.set("If-None-Match", etag);
    const timeout = AbortSignal.timeout(timeoutMs);
    const until = signal ? AbortSignal.any([signal, timeout]) : timeout;
    // What was read is kept here: a cache of the runtime would only hide whether it was asked for.
    return this.#options.fetch(new URL(path, url), { headers, signal: until, cache: "no-store", redirect: "error" });
  }

  /** The body, given up when it is larger than any manifest. */
  async #text(answer: Response): Promise<string> {
    const reader = answer.body?.getReader();
    const parts: Uint8Array[] = [];
    let length = 0;
    while (reader) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.byteLength;
      if (length > this.#options.maxBytes) {
        await reader.cancel();
        throw new ManifestError(answer.status, "", `an answer of more than ${this.#options.maxBytes} bytes`);
      }
      parts.push(value);
    }
    const bytes = new Uint8Array(length);
    parts.reduce((at, part) => (bytes.set(part, at), at + part.byteLength), 0);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  }
}

function isOlder(next: Manifest, kept: Manifest): boolean {
  return next.record.workspace_id === kept.record.workspace_id && next.record.sequence < kept.record.sequence;
}

function query(parameters: { [name: string]: string | number | undefined }): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

async function problem(answer: Response): Promise<ManifestError> {
  const body: unknown = await answer.json().catch(() => ({}));
  const text = (name: string) => {
    const value = (body as { [name: string]: unknown } | null)?.[name];
    return typeof value === "string" ? value : undefined;
  };
  const after = Number(answer.headers.get("retry-after"));
  const message = text("detail") ?? text("title") ?? text("state") ?? `the service answered ${answer.status}`;
  return new ManifestError(answer.status, text("code") ?? "", message, after > 0 ? after : undefined);
}
