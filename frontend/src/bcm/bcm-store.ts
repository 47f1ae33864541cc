import { create } from 'zustand';
import { persist } from 'zustand/middleware';

/** A rebuild that was asked for here. It is kept over a reload until it has ended. */
export interface RebuildTicket {
  job: string;
  startedAt: number;
}

export interface RebuildOutcome {
  kind: 'new' | 'unchanged' | 'failed';
  version?: string | undefined;
  at: string;
}

/** `edited`: answers were changed on this device after they were finalized. */
export type StaleReason = 'edited';

interface BcmState {
  /** What this store is about; another workspace empties it. */
  workspace: string | undefined;
  rebuild: RebuildTicket | undefined;
  /** What came of the last one, until the next begins. */
  outcome: RebuildOutcome | undefined;
  /** Why the manifest lags behind, before the server says so. */
  staleReason: StaleReason | undefined;
}

interface BcmActions {
  enter: (workspace: string) => void;
  begin: (job: string) => void;
  end: (outcome: RebuildOutcome) => void;
  setStaleReason: (reason: StaleReason | undefined) => void;
  reset: () => void;
}

const EMPTY: BcmState = { workspace: undefined, rebuild: undefined, outcome: undefined, staleReason: undefined };

/** What the app knows of a manifest that is not the server's to say. Manifest and history themselves live in the query cache alone. */
export const useBcmStore = create<BcmState & BcmActions>()(
  persist(
    (set, get) => ({
      ...EMPTY,
      enter: (workspace) => {
        if (get().workspace !== workspace) set({ ...EMPTY, workspace });
      },
      begin: (job) => set({ rebuild: { job, startedAt: Date.now() }, outcome: undefined }),
      end: (outcome) => set({ rebuild: undefined, outcome }),
      setStaleReason: (staleReason) => set({ staleReason }),
      reset: () => set(EMPTY),
    }),
    { name: 'groundwork.bcm', partialize: ({ workspace, rebuild }) => ({ workspace, rebuild }) },
  ),
);
