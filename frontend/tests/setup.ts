import '@testing-library/jest-dom/vitest';
import 'fake-indexeddb/auto';
import { cleanup } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

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
