import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, isProblem, newIdempotencyKey, unwrap } from '@/api/client';
import type { components as ContextComponents } from '@/api/generated/context';
import type { components } from '@/api/generated/manifest';

export type Manifest = components['schemas']['Manifest'];
export type ManifestRecord = components['schemas']['Record'];
export type ManifestContent = components['schemas']['Content'];
export type Origins = Record<string, { step?: string; field: string; context_number: number }>;
export type Comparison = ContextComponents['schemas']['Diff'];

/** One difference in the words of the business. */
export interface Difference {
  section: string;
  kind: string;
  what: string;
  of?: string;
  pointer: string;
  before?: unknown;
  after?: unknown;
}

export type RebuildJob = ContextComponents['schemas']['RebuildJob'];

/** Where everything about a workspace's manifest lies in the cache. */
export function contextKey(workspace: string): readonly unknown[] {
  return ['context', workspace];
}

export function freshnessQuery(workspace: string) {
  return queryOptions({
    queryKey: [...contextKey(workspace), 'freshness'],
    queryFn: () => unwrap(api.context.GET('/api/context/freshness')),
    staleTime: 60_000,
    refetchInterval: 5 * 60_000,
  });
}

/** The current manifest; `null` while there is none, or the first one is being made. */
export function manifestQuery(workspace: string) {
  return queryOptions({
    queryKey: [...contextKey(workspace), 'manifest'],
    queryFn: async (): Promise<Manifest | null> => {
      try {
        const found = (await unwrap(api.context.GET('/api/context/manifest'))) as unknown as Partial<Manifest>;
        return found.record && found.content ? (found as Manifest) : null;
      } catch (error) {
        if (isProblem(error, 'BCM-0001')) return null;
        throw error;
      }
    },
    staleTime: 60_000,
  });
}

/** A version, which never changes. */
export function versionQuery(workspace: string, version: string) {
  return queryOptions({
    queryKey: [...contextKey(workspace), 'version', version],
    queryFn: async () =>
      (await unwrap(api.context.GET('/api/context/manifest/versions/{version}', { params: { path: { version } } }))) as unknown as Manifest,
    staleTime: Infinity,
  });
}

/** Where each leaf of a version comes from. */
export function originsQuery(workspace: string, version: string) {
  return queryOptions({
    queryKey: [...contextKey(workspace), 'origins', version],
    queryFn: async () => {
      const params = { path: { version }, query: { provenance: true } };
      const found = await unwrap(api.context.GET('/api/context/manifest/versions/{version}', { params }));
      return ((found as { provenance?: Origins }).provenance ?? {});
    },
    staleTime: Infinity,
  });
}

/** What changed in a version, compared with the one before it. */
export function comparisonQuery(workspace: string, to: string) {
  return queryOptions({
    queryKey: [...contextKey(workspace), 'comparison', to],
    queryFn: () => unwrap(api.context.GET('/api/context/diff', { params: { query: { to } } })),
    staleTime: Infinity,
  });
}

export async function rollBack(to: string): Promise<ManifestRecord> {
  const params = { header: { 'Idempotency-Key': newIdempotencyKey() } };
  const made = await unwrap(api.context.POST('/api/context/rollback', { params, body: { to } }));
  return made.record as unknown as ManifestRecord;
}

export function historyQuery(workspace: string) {
  return infiniteQueryOptions({
    queryKey: [...contextKey(workspace), 'history'],
    queryFn: async ({ pageParam }) => {
      const query = pageParam === undefined ? {} : { cursor: pageParam };
      const page = await unwrap(api.context.GET('/api/context/history', { params: { query } }));
      return { items: page.items as unknown as ManifestRecord[], next: page.next_cursor ?? undefined };
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next,
    staleTime: 60_000,
  });
}

export function startRebuild(force: boolean): Promise<RebuildJob> {
  return unwrap(api.context.POST('/api/context/rebuild', { params: { header: { 'Idempotency-Key': newIdempotencyKey() } }, body: { force } }));
}

/** 1, 2, 3, then every 5 seconds. */
const PAUSES_MS = [1_000, 2_000, 3_000];
/** After two minutes the page stops asking; the job goes on. */
export const REBUILD_CEILING_MS = 120_000;

export function isOver(job: Pick<RebuildJob, 'state'>): boolean {
  return job.state === 'succeeded' || job.state === 'failed';
}

export function jobQuery(workspace: string, job: string | undefined, startedAt: number) {
  return queryOptions({
    queryKey: [...contextKey(workspace), 'rebuild', job],
    queryFn: () => unwrap(api.context.GET('/api/context/rebuild/{job}', { params: { path: { job: job ?? '' } } })),
    enabled: job !== undefined,
    gcTime: 0,
    refetchInterval: ({ state }) => {
      if (state.data !== undefined && isOver(state.data)) return false;
      if (Date.now() - startedAt > REBUILD_CEILING_MS) return false;
      return PAUSES_MS[state.dataUpdateCount] ?? 5_000;
    },
  });
}
