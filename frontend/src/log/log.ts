import { Problem } from '@/api/problem';

/** At most this many reports in a minute: a loop of errors must not become a loop of requests. */
const PER_MINUTE = 10;
const LONGEST = { message: 300, stack: 1200, where: 120 };

let sent: number[] = [];

export interface ClientEvent {
  /** A short name: `render`, `unhandled`, `request`. */
  event: string;
  message: string;
  stack?: string | undefined;
  requestId?: string | undefined;
}

/** The path without what may name a person or open a door: ids and everything behind ? and #. */
export function placeOf(path: string): string {
  return path.replace(/[0-9a-f]{8}-[0-9a-f-]{27,}/gi, ':id').slice(0, LONGEST.where);
}

/** Tells the gateway of an error in the browser. It writes one line in its log and answers nothing. */
export function log({ event, message, stack, requestId }: ClientEvent): void {
  const now = Date.now();
  sent = sent.filter((at) => now - at < 60_000);
  if (sent.length >= PER_MINUTE) return;
  sent.push(now);
  const query = new URLSearchParams({ event, message: message.slice(0, LONGEST.message), where: placeOf(location.pathname) });
  if (stack !== undefined) query.set('stack', stack.slice(0, LONGEST.stack));
  if (requestId !== undefined) query.set('request_id', requestId);
  void fetch(`/gateway/client-errors?${query}`, { method: 'POST', keepalive: true }).catch(() => undefined);
}

export function logError(event: string, error: unknown): void {
  if (error instanceof Problem) {
    // The server knows its own refusals; what it does not know of is an answer that never came.
    if (error.status === 0) return;
    log({ event, message: `${error.code} ${error.message}`, requestId: error.requestId });
    return;
  }
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  log({ event, message, stack });
}

/** Whatever nobody caught. */
export function logUncaught(): void {
  addEventListener('error', (event) => logError('uncaught', event.error ?? event.message));
  addEventListener('unhandledrejection', (event) => logError('unhandled', event.reason));
}
