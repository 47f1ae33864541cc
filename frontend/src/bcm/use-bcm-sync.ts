import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { Problem } from '@/api/problem';
import { useNow } from '@/components/Time';
import { askGateAgain, useGate, useWorkspace } from '@/gate/gate-query';
import { announce } from '@/live/announcer';
import { appTexts } from '@/texts/app';
import { clock } from '@/format/time';
import { useBcmStore, type RebuildOutcome, type StaleReason } from './bcm-store';
import { freshnessNow, useOf, type FreshnessState } from './freshness';
import { contextKey, freshnessQuery, isOver, jobQuery, manifestQuery, REBUILD_CEILING_MS, startRebuild, type RebuildJob } from './queries';

export interface BcmSync {
  state: FreshnessState;
  ageS: number | undefined;
  freshness: ReturnType<typeof useFreshness>;
  manifest: ReturnType<typeof useManifest>;
  /** A rebuild that runs, and whether it takes longer than usual. */
  rebuilding: 'no' | 'yes' | 'slow';
  outcome: RebuildOutcome | undefined;
  /** Asks for a rebuild. Throws the problem, which may say when the next one is possible. */
  rebuild: (force: boolean) => Promise<void>;
  /** Why it lags behind, whatever its age. */
  staleReason: StaleReason | undefined;
  /** Why what depends on the manifest cannot be done now. */
  blocked: string | undefined;
  /** What is to be said while it can. */
  banner: string | undefined;
}

function useFreshness(workspace: string) {
  return useQuery(freshnessQuery(workspace));
}

function useManifest(workspace: string, exists: boolean) {
  return useQuery({ ...manifestQuery(workspace), enabled: exists });
}

function outcomeOf(job: RebuildJob): RebuildOutcome {
  const result = (job.result ?? {}) as { outcome?: string; version?: string };
  const kind = job.state === 'failed' ? 'failed' : result.outcome === 'new' ? 'new' : result.outcome === 'failed' ? 'failed' : 'unchanged';
  return { kind, version: result.version, at: job.finished_at ?? new Date().toISOString() };
}

export function wordsOfOutcome({ kind, version, at }: RebuildOutcome): string {
  const { outcomes } = appTexts.rebuild;
  if (kind === 'new') return outcomes.new(version ?? '');
  return kind === 'unchanged' ? outcomes.unchanged(clock(at)) : outcomes.failed;
}

/**
 * The one way in which components know of the manifest: the query cache owns manifest and freshness, `bcmStore` the rebuild, and
 * this joins them. However many components use it, each is fetched once.
 */
export function useBcmSync(): BcmSync {
  const workspace = useWorkspace().id;
  const gate = useGate();
  const newest = gate.manifest.checksum ?? undefined;
  const client = useQueryClient();
  const store = useBcmStore();
  const { enter, begin, end, setStaleReason } = store;
  useEffect(() => enter(workspace), [enter, workspace]);
  const ticket = store.workspace === workspace ? store.rebuild : undefined;

  const freshness = useFreshness(workspace);
  const now = useNow();
  const told = freshness.data;
  const { state: stateByAge, ageS } = told
    ? freshnessNow(told, (now - freshness.dataUpdatedAt) / 1000)
    : { state: freshness.isError ? ('error' as const) : ('building' as const), ageS: undefined };
  // Whoever could not be told the age may still be able to read.
  const exists = told === undefined ? freshness.isError : told.state !== 'missing';
  const manifest = useManifest(workspace, exists);

  // The gate tells of a new version as soon as there is one; what is shown here follows.
  const shown = manifest.data?.record.checksum;
  const heard = useRef(newest);
  useEffect(() => {
    if (newest === heard.current) return;
    heard.current = newest;
    setStaleReason(undefined);
    if (newest !== shown) void client.invalidateQueries({ queryKey: contextKey(workspace) });
  }, [newest, shown, client, workspace, setStaleReason]);

  const job = useQuery(jobQuery(workspace, ticket?.job, ticket?.startedAt ?? 0));
  const { data: progress, error: failure } = job;
  useEffect(() => {
    if (ticket === undefined) return;
    const over = progress?.id === ticket.job && isOver(progress) ? outcomeOf(progress) : undefined;
    const gone = failure instanceof Problem && failure.status === 404;
    const outcome = over ?? (gone ? { kind: 'failed' as const, at: new Date().toISOString() } : undefined);
    if (outcome === undefined) return;
    end(outcome);
    announce(wordsOfOutcome(outcome));
    void client.invalidateQueries({ queryKey: contextKey(workspace) });
    void askGateAgain(client);
  }, [ticket, progress, failure, end, client, workspace]);

  const state: FreshnessState = ticket !== undefined && stateByAge === 'missing' ? 'building' : stateByAge;
  const noticed = store.workspace === workspace ? store.staleReason : undefined;
  const use = told === undefined && !freshness.isError ? 'yes' : useOf(state);
  return {
    state,
    ageS,
    freshness,
    manifest,
    rebuilding: ticket === undefined ? 'no' : now - ticket.startedAt > REBUILD_CEILING_MS ? 'slow' : 'yes',
    outcome: store.workspace === workspace ? store.outcome : undefined,
    rebuild: async (force) => {
      const started = await startRebuild(force);
      begin(started.id);
    },
    staleReason: noticed ?? (gate.onboarding.status === 'reopened' ? 'edited' : undefined),
    blocked: use === 'no' ? (told === undefined ? appTexts.freshness.unreachable : appTexts.freshness.says[state]) : undefined,
    banner: use === 'warn' && state === 'stale' ? appTexts.freshness.staleBanner : undefined,
  };
}
