import { useStore } from 'zustand';
import { session, type SessionState } from './session';

export function useSession<T>(select: (state: SessionState) => T): T {
  return useStore(session, select);
}
