import type { Definition } from '@/onboarding/definition';

export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  headers: Record<string, string>;
  json: (body: unknown, status?: number, headers?: Record<string, string>) => Reply;
  problem: (status: number, code: string, title: string, more?: Record<string, unknown>) => Reply;
  state: WorldState;
}

export interface WorldState {
  next: string;
  signedIn: boolean;
  order: string;
  role: string;
  ageDays: number;
  plan: string;
  workspaces: number;
}

export interface StoredStep {
  answer: Record<string, unknown> | null;
  revision: string;
  state: string;
  updated_at: string | null;
}

export interface World {
  state: WorldState;
  steps: Map<string, StoredStep>;
  overrides: ((asked: Asked) => Reply | undefined)[];
  answer: (method: string, path: string, more?: { query?: URLSearchParams; body?: unknown; headers?: Record<string, string> }) => Reply;
  ids: Record<'USER' | 'WORKSPACE' | 'ORDER' | 'JOB' | 'CHECKSUM', string>;
}

export const definition: Definition;
export const answers: Record<string, Record<string, unknown>>;
export function makeWorld(settings?: Partial<WorldState>): World;
