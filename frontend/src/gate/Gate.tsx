import { useEffect, useState, type ReactNode } from 'react';
import { Navigate, useLocation, useSearchParams } from 'react-router';
import { common } from '@/texts/common';
import { ErrorPage } from '@/components/ErrorPage';
import { Splash } from '@/components/Splash';
import { startSession } from '@/session/session';
import { useSession } from '@/session/use-session';
import { destination, type Area } from './destination';
import { GATE_LIFE_MS, useGateQuery } from './gate-query';

/** Asks the gate before it shows what is inside. */
export function Gate({ area, children }: { area: Area; children: ReactNode }) {
  const { pathname, search } = useLocation();
  const [parameters] = useSearchParams();
  const status = useSession((state) => state.status);
  const gate = useGateQuery();
  const [retrying, setRetrying] = useState(false);
  const kept = useKept(gate.dataUpdatedAt, gate.isError);
  const answer = gate.data !== undefined && kept ? gate.data : undefined;

  const to = destination({
    area,
    here: pathname + search,
    session: status,
    answer: answer && { next: answer.next, path: answer.path, onboarding: answer.onboarding.status },
    failed: gate.isError,
    wanted: parameters.get('next') ?? undefined,
  });

  switch (to.kind) {
    case 'page':
      return children;
    case 'wait':
      return <Splash />;
    case 'go':
      return <Navigate to={to.to} replace />;
    case 'unreachable':
      return (
        <ErrorPage
          title={common.errors.unreachableTitle}
          text={common.errors.unreachableText}
          error={gate.error}
          busy={retrying || gate.isFetching}
          onRetry={() => {
            setRetrying(true);
            void (status === 'unreachable' ? startSession() : gate.refetch()).finally(() => setRetrying(false));
          }}
        />
      );
  }
}

/** Whether an answer may still be used: always while the server answers, and for 30 s after it stopped. */
function useKept(answeredAt: number, failed: boolean): boolean {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!failed) return;
    const timer = setTimeout(() => setNow(Date.now()), Math.max(0, answeredAt + GATE_LIFE_MS - Date.now()) + 50);
    return () => clearTimeout(timer);
  }, [answeredAt, failed]);
  return !failed || now - answeredAt < GATE_LIFE_MS;
}
