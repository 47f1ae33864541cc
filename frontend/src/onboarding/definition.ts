import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, unwrap } from '@/api/client';

/** The definition of the steps as the server serves it; see `crates/domain/src/step`. */
export interface Definition {
  schema_version: string;
  phases: { number: number; title: string }[];
  steps: Step[];
}

export interface Step {
  number: number;
  slug: string;
  title: string;
  phase: number;
  minutes: number;
  help: string;
  optional: boolean;
  fields: Field[];
}

export interface Choice {
  value: string;
  label: string;
}

interface FieldBase {
  name: string;
  label: string;
  help?: string;
  placeholder?: string;
  required: boolean;
}

export type Kind =
  | { kind: 'text'; min: number; max: number }
  | { kind: 'long_text'; min: number; max: number }
  | { kind: 'url'; max_bytes: number }
  | { kind: 'integer'; min: number; max: number }
  | { kind: 'number'; min: number; max: number }
  | { kind: 'year'; min: number; years_ahead: number }
  | { kind: 'amount'; max: number }
  | { kind: 'money'; max: number }
  | { kind: 'currency' }
  | { kind: 'boolean'; must_be_true: boolean }
  | { kind: 'enum'; options: Choice[] }
  | { kind: 'date' }
  | { kind: 'text_list'; min_items: number; max_items: number; max: number }
  | { kind: 'object_list'; min_items: number; max_items: number; item: string; fields: Field[] };

export type Field = FieldBase & Kind;
export type FieldOf<K extends Kind['kind']> = Extract<Field, { kind: K }>;

export const definitionQuery = queryOptions({
  queryKey: ['definition'],
  queryFn: async () => (await unwrap(api.onboarding.GET('/api/onboarding/steps'))) as unknown as Definition,
  staleTime: Infinity,
});

export function useDefinition() {
  return useQuery(definitionQuery);
}
