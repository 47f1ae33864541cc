/** What the age of a manifest means. `error`: the last rebuild failed, or the age could not be asked for. */
export type FreshnessState = 'missing' | 'building' | 'fresh' | 'stale' | 'expired' | 'error';

export interface ServerFreshness {
  state: string;
  /** Seconds since it was made, by the server's clock. */
  age_s?: number | null | undefined;
  stale_after_s: number;
  expired_after_s: number;
}

/**
 * The state now, from what the server said some time ago. The age grows by the time that has passed here; the two clocks are never
 * compared, so a device whose clock is wrong shows the right age.
 */
export function freshnessNow(told: ServerFreshness, passedS: number): { state: FreshnessState; ageS: number | undefined } {
  if (typeof told.age_s !== 'number') {
    return { state: told.state === 'building' ? 'building' : told.state === 'missing' ? 'missing' : 'error', ageS: undefined };
  }
  const ageS = told.age_s + Math.max(0, Math.floor(passedS));
  if (told.state === 'building' || told.state === 'error') return { state: told.state, ageS };
  if (ageS >= told.expired_after_s) return { state: 'expired', ageS };
  return { state: ageS >= told.stale_after_s ? 'stale' : 'fresh', ageS };
}

/** What may be done with a manifest in this state: `no` with a reason in the texts, `warn` with a banner. */
export function useOf(state: FreshnessState): 'yes' | 'warn' | 'no' {
  switch (state) {
    case 'fresh':
      return 'yes';
    case 'stale':
    case 'building':
      return 'warn';
    case 'missing':
    case 'expired':
    case 'error':
      return 'no';
  }
}
