import { queryOptions, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { api, isProblem, unwrap } from '@/api/client';
import { follow } from '@/api/events';
import type { components } from '@/api/generated/auth';
import { chooseWorkspace, forgetWorkspace, session } from '@/session/session';
import { useSession } from '@/session/use-session';

export type GateAnswer = components['schemas']['GateBody'];
export type Workspace = components['schemas']['WorkspaceBody'];

/** The server's answer is good for this long; it is also how long the last one is kept when the server is gone. */
export const GATE_LIFE_MS = 30_000;

async function ask(): Promise<GateAnswer> {
  try {
    return await unwrap(api.auth.GET('/api/auth/verify-profile'));
  } catch (error) {
    // Removed from the chosen workspace meanwhile: the oldest one is asked about instead.
    if (!isProblem(error, 'GW-0002') || session.getState().workspace === undefined) throw error;
    forgetWorkspace();
    return unwrap(api.auth.GET('/api/auth/verify-profile'));
  }
}

export function gateQuery(workspace: string | undefined) {
  return queryOptions({
    queryKey: ['gate', workspace ?? 'oldest'],
    queryFn: ask,
    staleTime: GATE_LIFE_MS,
    gcTime: Infinity,
    retry: 1,
  });
}

/** The gate's answer for the chosen workspace. One request however many ask. */
export function useGateQuery() {
  const { status, workspace } = useSession((state) => state);
  return useQuery({ ...gateQuery(workspace), enabled: status === 'signed_in' });
}

/** The answer inside pages that the gate has let through. */
export function useGate(): GateAnswer {
  const { data } = useGateQuery();
  if (data === undefined) throw new Error('a page behind the gate is shown without its answer');
  return data;
}

/** The workspace that the pages are about. */
export function useWorkspace(): Workspace {
  const { workspace } = useGate();
  if (!workspace) throw new Error('a page of a workspace is shown without one');
  return workspace;
}

export function useRole(): { canManage: boolean; isOwner: boolean } {
  const { role } = useWorkspace();
  return { canManage: role === 'owner' || role === 'admin', isOwner: role === 'owner' };
}

export function askGateAgain(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: ['gate'] });
}

/** What is the same in every workspace. */
const SHARED = ['gate', 'plans', 'definition'];

/** Goes on in another workspace. Nothing of the former one may be seen under the new one's name. */
export function enterWorkspace(client: QueryClient, id: string): void {
  if (session.getState().workspace === id) return;
  chooseWorkspace(id);
  client.removeQueries({ predicate: ({ queryKey }) => !SHARED.includes(String(queryKey[0])) });
}

const PROJECTION_MS = 5_000;
const PROJECTION_PAUSE_MS = 400;

/** Asks until the answer is as it must become, since the gate hears of what was done by events. Gives up after some seconds. */
export async function askGateUntil(client: QueryClient, workspace: string | undefined, wanted: (answer: GateAnswer) => boolean): Promise<void> {
  const deadline = Date.now() + PROJECTION_MS;
  for (;;) {
    const answer = await client.query({ ...gateQuery(workspace), staleTime: 0 });
    if (wanted(answer) || Date.now() > deadline) return;
    await new Promise((resolve) => setTimeout(resolve, PROJECTION_PAUSE_MS));
  }
}

/** Follows the gate's event stream while the page is shown, and asks now and then while the stream is down. */
export function useGateEvents(): void {
  const client = useQueryClient();
  const { status, workspace } = useSession((state) => state);
  useEffect(() => {
    if (status !== 'signed_in') return;
    const end = new AbortController();
    let poll: ReturnType<typeof setInterval> | undefined;
    const ask = () => {
      if (!document.hidden) void askGateAgain(client);
    };
    const onConnected = (connected: boolean) => {
      clearInterval(poll);
      poll = connected ? undefined : setInterval(ask, 5_000);
    };
    void follow({
      path: '/api/auth/gate/events',
      signal: end.signal,
      onConnected,
      onEvent: ({ event, data }) => {
        if (event === 'gate') client.setQueryData(gateQuery(workspace).queryKey, JSON.parse(data) as GateAnswer);
      },
    });
    return () => {
      end.abort();
      clearInterval(poll);
    };
  }, [client, status, workspace]);
}
