import { describe, expect, it } from 'vitest';
import { EventParser } from './events';

describe('the parser of event streams', () => {
  it('reads events with names, data and comments', () => {
    const events = new EventParser().push(': hello\n\nevent: gate\nretry: 2000\ndata: {"a":1}\n\ndata: one\ndata: two\n\n');
    expect(events).toEqual([
      { event: 'gate', data: '{"a":1}' },
      { event: 'message', data: 'one\ntwo' },
    ]);
  });

  it('reads the same events however the stream is cut', () => {
    const text = 'event: order\r\ndata: {"state":"pending"}\r\n\r\n: still here\n\nevent: order\ndata: {"state":"completed"}\n\n';
    const whole = new EventParser().push(text);
    for (let size = 1; size < text.length; size += 1) {
      const parser = new EventParser();
      const parts = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      expect(parts.flatMap((part) => parser.push(part)), `pieces of ${size}`).toEqual(whole);
    }
    expect(whole).toHaveLength(2);
  });
});
