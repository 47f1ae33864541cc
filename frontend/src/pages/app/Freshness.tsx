import type { CSSProperties } from 'react';
import { Link } from 'react-router';
import { Notice } from '@/components/Notice';
import { useDefinition } from '@/onboarding/definition';
import { Tag, type Tone } from '@/components/Tag';
import type { FreshnessState, ServerFreshness } from '@/bcm/freshness';
import { appTexts } from '@/texts/app';
import './app.css';

const texts = appTexts.freshness;
const DAY_S = 86_400;

const TONES: Record<FreshnessState, Tone> = { missing: 'plain', building: 'accent', fresh: 'success', stale: 'warning', expired: 'error', error: 'error' };

export function FreshnessTag({ state }: { state: FreshnessState }) {
  return <Tag tone={TONES[state]}>{texts.states[state]}</Tag>;
}

/** What happened since it was made: answers that are others by now, or a rebuild that failed. */
export function Since({ freshness }: { freshness: { changed?: string[]; error?: string | null } }) {
  const definition = useDefinition();
  const { changed = [], error } = freshness;
  const titleOf = (slug: string) => definition.data?.steps.find((step) => step.slug === slug)?.title ?? slug;
  return (
    <>
      {changed.length > 0 && (
        <Notice kind="warning">
          <p>{texts.changed}</p>
          <ul className="chips">
            {changed.map((slug) => (
              <li key={slug}>
                <Link to={`/onboarding/steps/${slug}`}>{titleOf(slug)}</Link>
              </li>
            ))}
          </ul>
        </Notice>
      )}
      {error && (
        <Notice kind="error">
          <p>{texts.failed(error)}</p>
        </Notice>
      )}
    </>
  );
}

interface MeterProps {
  state: FreshnessState;
  ageS: number;
  thresholds: Pick<ServerFreshness, 'stale_after_s' | 'expired_after_s'>;
}

/** The age on a ruler of days, with the two thresholds marked. */
export function FreshnessMeter({ state, ageS, thresholds }: MeterProps) {
  const end = thresholds.expired_after_s * 1.15;
  const at = (seconds: number) => `${Math.min(100, (seconds / end) * 100)}%`;
  const days = Math.floor(ageS / DAY_S);
  const marks = { '--marks': Math.round(end / DAY_S) } as CSSProperties;
  return (
    <div className="meter" data-state={state}>
      <div className="ruler" role="meter" aria-label={texts.meter} aria-valuemin={0} aria-valuemax={Math.round(thresholds.expired_after_s / DAY_S)} aria-valuenow={Math.min(days, Math.round(thresholds.expired_after_s / DAY_S))} aria-valuetext={texts.age(days)} style={marks}>
        <span style={{ width: at(Math.max(ageS, end * 0.008)) }} />
      </div>
      <div className="meter-marks" aria-hidden="true">
        <span style={{ left: '0%' }}>0</span>
        <span style={{ left: at(thresholds.stale_after_s) }}>{texts.day(Math.round(thresholds.stale_after_s / DAY_S))}</span>
        <span style={{ left: at(thresholds.expired_after_s) }}>{texts.day(Math.round(thresholds.expired_after_s / DAY_S))}</span>
      </div>
    </div>
  );
}
