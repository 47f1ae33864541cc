import { authorisedFetch } from './client';
import { Problem, problemOf } from './problem';

export interface ServerEvent {
  event: string;
  data: string;
}

/** Cuts a text stream of Server-Sent Events into events; comments and fields that we do not use are dropped. */
export class EventParser {
  private rest = '';
  private event = '';
  private data: string[] = [];

  push(chunk: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (this.data.length > 0) events.push({ event: this.event === '' ? 'message' : this.event, data: this.data.join('\n') });
        this.event = '';
        this.data = [];
        continue;
      }
      const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === 'event') this.event = value;
      else if (field === 'data') this.data.push(value);
    }
    return events;
  }
}

export interface Following {
  path: string;
  onEvent: (event: ServerEvent) => void;
  /** Whether events arrive; while they do not, whoever needs the news has to ask. */
  onConnected?: (connected: boolean) => void;
  signal: AbortSignal;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function read(response: Response, onEvent: (event: ServerEvent) => void): Promise<boolean> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  let any = false;
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done) return any;
    for (const event of parser.push(part.value)) {
      any = true;
      onEvent(event);
    }
  }
}

/**
 * Follows a stream until the signal aborts, or the server says that there is nothing to follow (4xx). A stream that ends or breaks
 * is opened again, after 1-2-4 … 30 s when it brought nothing. It is read with fetch, so that the token stays out of the address.
 */
export async function follow({ path, onEvent, onConnected, signal }: Following): Promise<void> {
  let wait = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const request = new Request(new URL(path, globalThis.location.origin), { signal, headers: { Accept: 'text/event-stream' } });
      const response = await authorisedFetch(request, false);
      if (!response.ok) {
        await response.body?.cancel();
        throw problemOf(response, undefined);
      }
      onConnected?.(true);
      if (await read(response, onEvent)) wait = FIRST_PAUSE_MS;
    } catch (error) {
      if (error instanceof Problem && !error.passing) {
        onConnected?.(false);
        return;
      }
    }
    onConnected?.(false);
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
  }
}
