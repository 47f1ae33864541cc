import { useEffect, useRef, useState } from 'react';
import { explain, Problem } from '@/api/problem';
import { Button } from '@/components/Button';
import { RequestId } from '@/components/Notice';
import { clock } from '@/format/time';
import { announce } from '@/live/announcer';
import type { SaveState } from '@/onboarding/autosave';
import { onboardingTexts } from '@/texts/onboarding';
import { common } from '@/texts/common';

const texts = onboardingTexts.save;

/** What the saving is at, in words. */
export function wordsOf(state: SaveState): string {
  switch (state.kind) {
    case 'untouched':
      return texts.nothing;
    case 'saving':
      return texts.saving;
    case 'saved':
      return texts.saved(clock(state.at));
    case 'offline':
      return texts.offline;
    case 'conflict':
      return texts.conflict;
    case 'not_saved': {
      if (state.held !== undefined) return texts.invalid(state.held);
      if (state.error instanceof Problem && state.error.status === 401) return texts.notSaved(texts.signedOut);
      return texts.notSaved(explain(state.error, onboardingTexts.step.errors));
    }
  }
}

function useSecondsUntil(at: number | undefined): number | undefined {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (at === undefined) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [at]);
  return at === undefined ? undefined : Math.max(0, Math.ceil((at - now) / 1_000));
}

/** Says when the saving turns bad, and when all is well again; the hum in between is for the eyes. */
function useSpoken(state: SaveState): void {
  const words = state.kind === 'saving' || state.kind === 'untouched' ? undefined : wordsOf(state);
  const bad = words !== undefined && state.kind !== 'saved';
  const spoken = useRef<string>(undefined);
  useEffect(() => {
    if (words === undefined || words === spoken.current) return;
    if (bad || spoken.current !== undefined) announce(words, bad ? 'assertive' : 'polite');
    spoken.current = bad ? words : undefined;
  }, [words, bad]);
}

interface SaveLineProps {
  state: SaveState;
  onRetry: () => void;
  onDecide: () => void;
}

/** The state of the saving stays in sight, and is read out when it turns bad or good again. */
export function SaveLine({ state, onRetry, onDecide }: SaveLineProps) {
  const seconds = useSecondsUntil(state.kind === 'not_saved' ? state.retryAt : undefined);
  useSpoken(state);
  return (
    <div className="save-state" data-kind={state.kind} data-testid="save-state">
      <span>{wordsOf(state)}</span>
      {state.kind === 'not_saved' && state.held === undefined && (
        <>
          {seconds !== undefined && seconds > 0 && <span className="muted">{texts.retryIn(seconds)}</span>}
          <Button small onClick={onRetry}>
            {common.retry}
          </Button>
          <RequestId error={state.error} />
        </>
      )}
      {state.kind === 'conflict' && (
        <Button small onClick={onDecide}>
          {texts.decide}
        </Button>
      )}
    </div>
  );
}
