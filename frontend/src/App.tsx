import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, type ReactNode } from 'react';
import { BrowserRouter, Route, Routes, useLocation } from 'react-router';
import { Problem } from '@/api/problem';
import { ErrorBoundary } from '@/components/ErrorBoundary';
import { PublicShell } from '@/components/PublicShell';
import { Splash } from '@/components/Splash';
import { Gate } from '@/gate/Gate';
import { LiveRegions } from '@/live/announcer';
import { ROUTES, type PageRoute, type Shell } from '@/routes';
import { onSignOut } from '@/session/session';

// The frames behind the gate are no part of the first visit.
const AppShell = lazy(async () => ({ default: (await import('@/components/AppShell')).AppShell }));
const JourneyShell = lazy(async () => ({ default: (await import('@/components/AppShell')).JourneyShell }));
const SHELLS = { public: PublicShell, journey: JourneyShell, app: AppShell } as const;

/** Two more tries for what passes by itself; a refusal is an answer. */
function retry(failures: number, error: Error): boolean {
  return failures < 2 && error instanceof Problem && error.passing && error.status !== 429;
}

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry, retryDelay: (attempt) => 500 * 2 ** attempt, staleTime: 10_000, networkMode: 'always' },
      mutations: { networkMode: 'always' },
    },
  });
}

/** A page behind its gate, inside its frame. The frame is behind the gate too: it shows whose workspace it is. */
function Guarded({ route, children }: { route: PageRoute; children: ReactNode }) {
  const { pathname } = useLocation();
  return (
    <ErrorBoundary resetKey={pathname}>
      <Gate area={route.area}>{children}</Gate>
    </ErrorBoundary>
  );
}

function Framed({ shell }: { shell: Shell }) {
  const Frame = SHELLS[shell];
  return (
    <Suspense fallback={<Splash />}>
      <Frame />
    </Suspense>
  );
}

function Content({ page: PageOfRoute }: Pick<PageRoute, 'page'>) {
  const { pathname } = useLocation();
  return (
    <ErrorBoundary resetKey={pathname} inside>
      <Suspense fallback={<Splash inside />}>
        <PageOfRoute />
      </Suspense>
    </ErrorBoundary>
  );
}

export function Pages() {
  return (
    <Routes>
      {ROUTES.map((route) => (
        <Route
          key={route.path}
          element={
            <Guarded route={route}>
              <Framed shell={route.shell} />
            </Guarded>
          }
        >
          <Route path={route.path} element={<Content page={route.page} />} />
        </Route>
      ))}
    </Routes>
  );
}

export function App({ client }: { client: QueryClient }) {
  useEffect(
    () =>
      onSignOut(async (end) => {
        client.clear();
        const { useBcmStore } = await import('@/bcm/bcm-store');
        useBcmStore.getState().reset();
        if (end === 'left') await (await import('@/onboarding/local-copy')).forgetLocalCopies();
      }),
    [client],
  );
  return (
    <QueryClientProvider client={client}>
      <LiveRegions />
      <BrowserRouter>
        <Pages />
      </BrowserRouter>
    </QueryClientProvider>
  );
}

