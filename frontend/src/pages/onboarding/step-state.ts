import type { Tone } from '@/components/Tag';

const TONES: Record<string, Tone> = { complete: 'success', skipped: 'plain', draft: 'accent', invalid: 'error' };

export function stateTone(state: string): Tone {
  return TONES[state] ?? 'plain';
}
