import '@testing-library/jest-dom/vitest';
import 'fake-indexeddb/auto';
import { cleanup, configure } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

// The first page of a file is compiled when it is asked for, which a busy machine takes its time for.
configure({ asyncUtilTimeout: 15_000 });

afterEach(() => {
  cleanup();
  if (typeof window !== 'undefined') {
    localStorage.clear();
    sessionStorage.clear();
  }
  vi.useRealTimers();
});

// jsdom draws nothing, and says so.
if (typeof window !== 'undefined') window.scrollTo = () => undefined;
