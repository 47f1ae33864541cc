import { useRef, useState } from 'react';
import { explain } from '@/api/problem';
import { announce } from '@/live/announcer';
import { logError } from '@/log/log';

interface Submit<A extends unknown[]> {
  busy: boolean;
  error: unknown;
  /** Runs the action unless it runs already. Whatever it throws is kept to be shown, and is announced. */
  run: (...args: A) => Promise<void>;
  clear: () => void;
}

/** An action that a person starts: busy while it runs, its error kept until the next try. */
export function useSubmit<A extends unknown[]>(action: (...args: A) => Promise<unknown>, byCode?: Record<string, string>): Submit<A> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const running = useRef(false);
  return {
    busy,
    error,
    clear: () => setError(undefined),
    run: async (...args) => {
      if (running.current) return;
      running.current = true;
      setBusy(true);
      setError(undefined);
      try {
        await action(...args);
      } catch (failure) {
        setError(failure);
        announce(explain(failure, byCode), 'assertive');
        logError('action', failure);
      } finally {
        running.current = false;
        setBusy(false);
      }
    },
  };
}
