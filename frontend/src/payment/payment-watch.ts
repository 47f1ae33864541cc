import { Problem } from '@/api/problem';
import { isDecided, type Order } from './order';

/** After five answers that never came in a row the person is asked. */
const MOST_ERRORS = 5;

/** How long to wait for the next question: 2 s in the first half minute, 5 s up to three minutes, then 15 s. */
export function pauseAfter(elapsedMs: number): number {
  if (elapsedMs < 30_000) return 2_000;
  return elapsedMs < 180_000 ? 5_000 : 15_000;
}

/**
 * `watching` goes on by itself; `decided` is over; `interrupted` and `overdue` wait for a person: nobody answered, or the order's
 * time is over and it is still open.
 */
export type WatchPhase = 'watching' | 'decided' | 'interrupted' | 'overdue';

export interface Watched {
  phase: WatchPhase;
  order: Order | undefined;
  error: unknown;
}

interface Options {
  read: () => Promise<Order>;
  onChange: (state: Watched) => void;
}

/**
 * Watches an order until it is decided. It asks on its schedule while the page is visible, at once when the page is looked at
 * again, and takes what the event stream tells (`tell`). It has no clock of its own but the platform's timers.
 */
export class PaymentWatch {
  private state: Watched = { phase: 'watching', order: undefined, error: undefined };
  private timer: ReturnType<typeof setTimeout> | undefined;
  private beganAt = Date.now();
  private errors = 0;
  private asking = false;
  private stopped = false;

  constructor(private readonly options: Options) {}

  start(): void {
    document.addEventListener('visibilitychange', this.onAttention);
    addEventListener('focus', this.onAttention);
    addEventListener('online', this.onAttention);
    void this.ask();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.onAttention);
    removeEventListener('focus', this.onAttention);
    removeEventListener('online', this.onAttention);
  }

  /** News from the event stream. */
  tell(order: Order): void {
    const interrupted = this.state.phase === 'interrupted';
    this.errors = 0;
    this.take(order);
    // Somebody answers again, so that the questions go on, too.
    if (interrupted) this.schedule();
  }

  /** A person wants to know now. */
  async checkAgain(): Promise<void> {
    this.errors = 0;
    if (this.state.phase === 'interrupted' || this.state.phase === 'overdue') this.set({ ...this.state, phase: 'watching', error: undefined });
    await this.ask();
  }

  private readonly onAttention = (): void => {
    clearTimeout(this.timer);
    // Somebody looks, or the connection is back: worth a question even where the schedule has given up.
    if (!document.hidden) void this.ask();
  };

  private async ask(): Promise<void> {
    if (this.asking || this.stopped || this.state.phase === 'decided') return;
    clearTimeout(this.timer);
    this.asking = true;
    try {
      const order = await this.options.read();
      this.errors = 0;
      this.take(order);
    } catch (error) {
      this.errors += 1;
      const over = this.errors >= MOST_ERRORS || (error instanceof Problem && !error.passing);
      this.set({ ...this.state, phase: over ? 'interrupted' : this.state.phase, error: over ? error : this.state.error });
    } finally {
      this.asking = false;
    }
    this.schedule();
  }

  private take(order: Order): void {
    if (this.stopped || this.state.phase === 'decided') return;
    if (isDecided(order)) {
      clearTimeout(this.timer);
      this.set({ phase: 'decided', order, error: undefined });
      return;
    }
    const overdue = Date.now() > new Date(order.expires_at).getTime();
    this.set({ phase: overdue ? 'overdue' : 'watching', order, error: undefined });
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (this.stopped || document.hidden || this.state.phase !== 'watching') return;
    this.timer = setTimeout(() => void this.ask(), pauseAfter(Date.now() - this.beganAt));
  }

  private set(state: Watched): void {
    if (this.stopped) return;
    this.state = state;
    this.options.onChange(state);
  }
}
