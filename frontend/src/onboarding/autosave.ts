import { Problem } from '@/api/problem';
import { sameAnswer, type Answer } from './answer';
import type { LocalCopies } from './local-copy';

export const TIMINGS = { debounceMs: 800, longestMs: 5_000, firstRetryMs: 1_000, longestRetryMs: 30_000 } as const;

/** A step as the server has it. */
export interface Stored {
  revision: string;
  answer: Answer | null;
  updatedAt?: string | undefined;
}

export interface Acknowledged {
  revision: string;
  savedAt: string;
  durable: boolean;
}

/** What is told about the saving of a step, always in words. */
export type SaveState =
  | { kind: 'untouched' }
  | { kind: 'saving' }
  | { kind: 'saved'; at: string }
  | { kind: 'offline' }
  /** `held`: the form cannot be sent as it is. Else the server refused, or did not answer; `retryAt` says when it is asked again. */
  | { kind: 'not_saved'; error: unknown; held?: string; retryAt?: number }
  | { kind: 'conflict'; theirs: Stored };

interface Options {
  stored: Stored;
  save: (answer: Answer, revision: string) => Promise<Acknowledged>;
  copies: LocalCopies;
  onState: (state: SaveState) => void;
  isOnline?: () => boolean;
}

/** What a 412 tells of the step. */
function theirsOf(problem: Problem): Stored | undefined {
  const { current } = problem.body;
  if (typeof current !== 'object' || current === null || !('revision' in current)) return undefined;
  const { revision, answer, updated_at } = current as { revision: unknown; answer?: unknown; updated_at?: unknown };
  if (typeof revision !== 'string') return undefined;
  return {
    revision,
    answer: typeof answer === 'object' ? (answer as Answer | null) : null,
    updatedAt: typeof updated_at === 'string' ? updated_at : undefined,
  };
}

/**
 * Saves one step while somebody types. One request is in flight at most; what is typed meanwhile replaces what waits, and the newest
 * goes next. Every change is kept on the device first, and stays there until the server has acknowledged that very answer.
 * It has no framework in it and no clock of its own but the platform's timers.
 */
export class Autosave {
  private revision: string;
  /** The newest answer that the server has not acknowledged. */
  private waiting: Answer | undefined;
  private waitingSince = 0;
  private inFlight: Answer | undefined;
  private held: string | undefined;
  private conflict: Stored | undefined;
  private failure: unknown;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private retries = 0;
  private stopped = false;
  private settled: (() => void)[] = [];
  private readonly isOnline: () => boolean;

  constructor(private readonly options: Options) {
    this.revision = options.stored.revision;
    this.isOnline = options.isOnline ?? (() => navigator.onLine);
  }

  /** The revision that the next save is made on. */
  get knownRevision(): string {
    return this.revision;
  }

  get hasUnsaved(): boolean {
    return this.waiting !== undefined || this.inFlight !== undefined;
  }

  /** The form holds something new. `held` says why it cannot be sent as it is; it is kept on the device all the same. */
  change(answer: Answer, held?: string): void {
    if (this.stopped) return;
    if (this.waiting === undefined) this.waitingSince = Date.now();
    this.waiting = answer;
    this.held = held;
    this.options.copies.write({ answer, base: this.revision });
    if (this.conflict !== undefined) return;
    if (held !== undefined) {
      clearTimeout(this.timer);
      this.tell({ kind: 'not_saved', error: undefined, held });
      return;
    }
    // A refusal was about the former words; these may be better. A server that was away is asked when its time has come.
    if (this.failure instanceof Problem && !this.failure.passing) this.failure = undefined;
    if (this.failure === undefined) {
      this.tell({ kind: 'saving' });
      this.schedule();
    }
  }

  /** Saves what waits, now. Resolves when nothing is under way any more; says whether all is saved. */
  async flush(): Promise<boolean> {
    if (this.waiting !== undefined && this.held === undefined && this.conflict === undefined) {
      clearTimeout(this.timer);
      this.send();
    }
    if (this.inFlight !== undefined) await new Promise<void>((resolve) => this.settled.push(resolve));
    return !this.hasUnsaved;
  }

  /** A person asks for another try, or the connection came back. */
  retry(): void {
    if (this.conflict !== undefined || this.held !== undefined || this.waiting === undefined) return;
    this.retries = 0;
    this.failure = undefined;
    clearTimeout(this.timer);
    this.send();
  }

  /** This device's version goes on, on top of theirs. */
  keepMine(): void {
    if (this.conflict === undefined) return;
    this.revision = this.conflict.revision;
    this.conflict = undefined;
    this.failure = undefined;
    if (this.waiting === undefined) return;
    this.options.copies.write({ answer: this.waiting, base: this.revision });
    if (this.held === undefined) this.send();
    else this.tell({ kind: 'not_saved', error: undefined, held: this.held });
  }

  /** Their version goes on; this device's is given up. */
  takeTheirs(): Stored | undefined {
    const theirs = this.conflict;
    if (theirs === undefined) return undefined;
    this.conflict = undefined;
    this.failure = undefined;
    this.waiting = undefined;
    this.held = undefined;
    this.revision = theirs.revision;
    this.options.copies.clear();
    this.tell({ kind: 'saved', at: theirs.updatedAt ?? new Date().toISOString() });
    return theirs;
  }

  /** Begins with what was found on this device: unsaved words, or a version that stands against the server's. */
  resume(answer: Answer, against?: Stored): void {
    this.waiting = answer;
    this.waitingSince = Date.now();
    if (against === undefined) {
      this.send();
      return;
    }
    this.conflict = against;
    this.tell({ kind: 'conflict', theirs: against });
  }

  /** The step was completed or skipped by its own request, which saved the answer, too. */
  adopt(revision: string, savedAt: string): void {
    this.revision = revision;
    this.waiting = undefined;
    this.held = undefined;
    this.failure = undefined;
    clearTimeout(this.timer);
    this.options.copies.clear();
    this.tell({ kind: 'saved', at: savedAt });
  }

  /** That request met another revision: the same choice as for a save. */
  meet(problem: Problem, mine: Answer): boolean {
    const theirs = problem.status === 412 ? theirsOf(problem) : undefined;
    if (theirs === undefined) return false;
    this.waiting ??= mine;
    this.options.copies.write({ answer: this.waiting, base: this.revision });
    this.conflict = theirs;
    this.tell({ kind: 'conflict', theirs });
    return true;
  }

  /** The page is left. What waits is sent without anybody to hear of it; the device's copy stays until that is acknowledged. */
  stop(): void {
    void this.flush();
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    const longest = this.waitingSince + TIMINGS.longestMs - Date.now();
    this.timer = setTimeout(() => this.send(), Math.max(0, Math.min(TIMINGS.debounceMs, longest)));
  }

  private send(): void {
    if (this.inFlight !== undefined || this.waiting === undefined) return;
    if (!this.isOnline()) {
      // The event `online` leads back here, by `retry`.
      this.tell({ kind: 'offline' });
      return;
    }
    const answer = this.waiting;
    this.waiting = undefined;
    this.inFlight = answer;
    this.tell({ kind: 'saving' });
    this.options.save(answer, this.revision).then(
      (acknowledged) => this.succeed(answer, acknowledged),
      (error: unknown) => this.fail(answer, error),
    );
  }

  private succeed(answer: Answer, { revision, savedAt, durable }: Acknowledged): void {
    this.inFlight = undefined;
    this.retries = 0;
    this.failure = undefined;
    this.revision = revision;
    if (this.waiting !== undefined && sameAnswer(this.waiting, answer)) this.waiting = undefined;
    if (this.waiting !== undefined) {
      // Typed meanwhile: not saved yet, whatever was acknowledged.
      this.options.copies.write({ answer: this.waiting, base: revision });
      if (this.held === undefined && !this.stopped) this.schedule();
      else if (this.held === undefined) this.send();
    } else {
      if (durable) this.options.copies.clear();
      else this.options.copies.write({ answer, base: revision, acknowledged: revision });
      this.tell({ kind: 'saved', at: savedAt });
    }
    this.settle();
  }

  private fail(answer: Answer, error: unknown): void {
    this.inFlight = undefined;
    this.waiting ??= answer;
    if (this.waitingSince === 0) this.waitingSince = Date.now();
    this.failure = error;
    const theirs = error instanceof Problem && error.status === 412 ? theirsOf(error) : undefined;
    if (theirs !== undefined) {
      this.conflict = theirs;
      this.tell({ kind: 'conflict', theirs });
    } else if (!this.isOnline()) {
      this.tell({ kind: 'offline' });
    } else if (error instanceof Problem && error.passing) {
      const asked = (error.retryAfterS ?? 0) * 1_000;
      const wait = Math.max(asked, Math.min(TIMINGS.firstRetryMs * 2 ** this.retries, TIMINGS.longestRetryMs));
      this.retries += 1;
      this.tell({ kind: 'not_saved', error, retryAt: Date.now() + wait });
      clearTimeout(this.timer);
      if (!this.stopped) this.timer = setTimeout(() => this.held === undefined && this.send(), wait);
    } else {
      this.tell({ kind: 'not_saved', error });
    }
    this.settle();
  }

  private settle(): void {
    const waiting = this.settled;
    this.settled = [];
    for (const resolve of waiting) resolve();
  }

  private tell(state: SaveState): void {
    if (!this.stopped) this.options.onState(state);
  }
}
