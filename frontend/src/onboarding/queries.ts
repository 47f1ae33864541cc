import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, answered, unwrap } from '@/api/client';
import type { components } from '@/api/generated/onboarding';
import { useSession } from '@/session/use-session';
import type { Answer } from './answer';
import type { Acknowledged, Stored } from './autosave';

export type Resume = components['schemas']['Resume'];
export type ResumeStep = components['schemas']['ResumeStep'];
export type FinishedStep = components['schemas']['FinishedStep'];

/** Where the onboarding stands; with every answer, for the review. */
export function resumeQuery(workspace: string | undefined, answers = false) {
  return queryOptions({
    queryKey: ['onboarding', workspace ?? 'oldest', answers ? 'answers' : 'resume'],
    queryFn: () => unwrap(api.onboarding.GET('/api/onboarding', { params: { query: { answers } } })),
    staleTime: 10_000,
  });
}

export function useResume(answers = false) {
  const workspace = useSession((state) => state.workspace);
  return useQuery(resumeQuery(workspace, answers));
}

const quoted = (revision: string) => `"${revision}"`;

export async function readStep(slug: string): Promise<Stored & { state: string }> {
  const step = await unwrap(api.onboarding.GET('/api/onboarding/steps/{slug}', { params: { path: { slug } } }));
  return { revision: step.revision, answer: (step.answer as Answer | null | undefined) ?? null, updatedAt: step.updated_at ?? undefined, state: step.state };
}

/** What an edit is made on: the revision of the step, and the version of the definition that its form was drawn from. */
export interface EditedOn {
  revision: string;
  version: string;
}

export async function saveDraft(slug: string, answer: Answer, { revision, version }: EditedOn): Promise<Acknowledged> {
  const { data, response } = await answered(
    api.onboarding.PUT('/api/onboarding/steps/{slug}/draft', {
      params: { path: { slug }, header: { 'If-Match': quoted(revision), 'X-Schema-Version': version } },
      body: { answer: answer as Record<string, never> },
    }),
  );
  const durable = data.durable || response.headers.get('Preference-Applied') === 'durable';
  return { revision: data.revision, savedAt: data.saved_at, durable };
}

export function completeStep(slug: string, answer: Answer, { revision, version }: EditedOn): Promise<FinishedStep> {
  return unwrap(
    api.onboarding.POST('/api/onboarding/steps/{slug}/complete', {
      params: { path: { slug }, header: { 'If-Match': quoted(revision), 'X-Schema-Version': version } },
      body: { answer: answer as Record<string, never> },
    }),
  );
}

export function skipStep(slug: string, revision: string): Promise<FinishedStep> {
  return unwrap(api.onboarding.POST('/api/onboarding/steps/{slug}/skip', { params: { path: { slug }, header: { 'If-Match': quoted(revision) } } }));
}

export function finalize(key: string) {
  return unwrap(api.onboarding.POST('/api/onboarding/finalize', { params: { header: { 'Idempotency-Key': key } }, body: {} }));
}

export function finalizeStatusQuery(number: number | undefined) {
  return queryOptions({
    queryKey: ['finalize', number],
    queryFn: () => unwrap(api.onboarding.GET('/api/onboarding/finalize/{number}', { params: { path: { number: number ?? 0 } } })),
    enabled: number !== undefined,
  });
}
