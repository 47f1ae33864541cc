import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem } from '@/api/problem';
import type { Answer } from './answer';
import { Autosave, type Acknowledged, type SaveState, type Stored } from './autosave';
import type { LocalCopy } from './local-copy';

interface Request {
  at: number;
  answer: Answer;
  revision: string;
  accept: (durable?: boolean) => void;
  refuse: (error: unknown) => void;
}

const BEGIN = new Date('2026-11-28T10:00:00Z').getTime();

let requests: Request[];
let states: SaveState[];
let copy: LocalCopy | undefined;
let online: boolean;
let saver: Autosave;

function begin(stored: Stored = { revision: '0', answer: null }): Autosave {
  return new Autosave({
    stored,
    save: (answer, revision) =>
      new Promise<Acknowledged>((resolve, reject) => {
        const n = requests.length + 1;
        requests.push({
          at: Date.now() - BEGIN,
          answer,
          revision,
          accept: (durable = true) => resolve({ revision: `1.${n}`, savedAt: new Date().toISOString(), durable }),
          refuse: reject,
        });
      }),
    copies: {
      read: () => Promise.resolve(copy),
      write: (next) => {
        copy = next;
      },
      clear: () => {
        copy = undefined;
      },
    },
    onState: (state) => states.push(state),
    isOnline: () => online,
  });
}

const last = () => states.at(-1);
const kinds = () => states.map(({ kind }) => kind);
const settle = () => vi.advanceTimersByTimeAsync(0);
const down = () => new Problem({ status: 503, code: 'GW-0011', title: 'down' });

beforeEach(() => {
  vi.useFakeTimers({ now: BEGIN });
  requests = [];
  states = [];
  copy = undefined;
  online = true;
  saver = begin();
});

afterEach(() => saver.stop());

describe('when it saves', () => {
  it('waits 800 ms after the last key', async () => {
    saver.change({ a: 'h' });
    await vi.advanceTimersByTimeAsync(700);
    saver.change({ a: 'he' });
    await vi.advanceTimersByTimeAsync(799);
    expect(requests).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(requests).toMatchObject([{ answer: { a: 'he' }, revision: '0' }]);
  });

  it('waits no longer than 5 s while somebody types without a pause', async () => {
    for (let keys = 0; keys < 12; keys += 1) {
      saver.change({ a: 'x'.repeat(keys) });
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(requests[0]?.at).toBe(5_000);
  });

  it('saves at once when it is asked to, and says when all is saved', async () => {
    saver.change({ a: 'done' });
    const flushed = saver.flush();
    expect(requests).toHaveLength(1);
    requests[0]?.accept();
    expect(await flushed).toBe(true);
    expect(last()).toEqual({ kind: 'saved', at: new Date().toISOString() });
    expect(await saver.flush()).toBe(true);
    expect(requests).toHaveLength(1);
  });
});

describe('one request at a time', () => {
  it('lets the newest words win, on the revision of the slow save before', async () => {
    saver.change({ a: '1' });
    await vi.advanceTimersByTimeAsync(800);
    saver.change({ a: '2' });
    saver.change({ a: '3' });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(requests).toHaveLength(1);
    requests[0]?.accept();
    await settle();
    // What was acknowledged is not what stands on the screen.
    expect(last()?.kind).toBe('saving');
    await vi.advanceTimersByTimeAsync(800);
    expect(requests).toMatchObject([{ answer: { a: '1' } }, { answer: { a: '3' }, revision: '1.1' }]);
    requests[1]?.accept();
    await settle();
    expect(last()?.kind).toBe('saved');
    expect(saver.hasUnsaved).toBe(false);
  });
});

describe('what stays on the device', () => {
  it('is every change until the server has acknowledged that very answer', async () => {
    saver.change({ a: '1' });
    expect(copy).toEqual({ answer: { a: '1' }, base: '0' });
    await vi.advanceTimersByTimeAsync(800);
    saver.change({ a: '2' });
    requests[0]?.accept();
    await settle();
    expect(copy).toEqual({ answer: { a: '2' }, base: '1.1' });
    await vi.advanceTimersByTimeAsync(800);
    requests[1]?.accept();
    await settle();
    expect(copy).toBeUndefined();
  });

  it('is what was acknowledged but is not on disk yet', async () => {
    saver.change({ a: '1' });
    await vi.advanceTimersByTimeAsync(800);
    requests[0]?.accept(false);
    await settle();
    expect(last()?.kind).toBe('saved');
    expect(copy).toEqual({ answer: { a: '1' }, base: '1.1', acknowledged: '1.1' });
  });
});

describe('when the server is away', () => {
  it('says so, keeps the words, and asks again after 1, 2, 4, 8 … at most 30 s', async () => {
    saver.change({ a: '1' });
    await vi.advanceTimersByTimeAsync(800);
    for (const wait of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const before = requests.length;
      requests.at(-1)?.refuse(down());
      await settle();
      expect(last()).toMatchObject({ kind: 'not_saved', retryAt: Date.now() + wait });
      await vi.advanceTimersByTimeAsync(wait - 1);
      expect(requests).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(requests).toHaveLength(before + 1);
    }
    expect(copy).toEqual({ answer: { a: '1' }, base: '0' });
    requests.at(-1)?.accept();
    await settle();
    expect(last()?.kind).toBe('saved');
  });

  it('goes on saying so while somebody types, and sends the newest words', async () => {
    saver.change({ a: '1' });
    await vi.advanceTimersByTimeAsync(800);
    requests[0]?.refuse(down());
    await settle();
    saver.change({ a: '2' });
    expect(last()?.kind).toBe('not_saved');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(requests[1]).toMatchObject({ answer: { a: '2' }, revision: '0' });
  });

  it('tries at once when a person asks', async () => {
    saver.change({ a: '1' });
    await vi.advanceTimersByTimeAsync(800);
    requests[0]?.refuse(down());
    await settle();
    saver.retry();
    expect(requests).toHaveLength(2);
  });

  it('waits as long as the server asks it to', async () => {
    saver.change({ a: '1' });
    await vi.advanceTimersByTimeAsync(800);
    requests[0]?.refuse(new Problem({ status: 429, code: 'GW-0010', title: '', retryAfterS: 7 }));
    await vi.advanceTimersByTimeAsync(6_999);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(requests).toHaveLength(2);
  });

  it('sends nothing while the device is offline, and everything when it is back', async () => {
    online = false;
    saver.change({ a: '1' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toHaveLength(0);
    expect(last()?.kind).toBe('offline');
    expect(copy?.answer).toEqual({ a: '1' });
    online = true;
    saver.retry();
    expect(requests).toMatchObject([{ answer: { a: '1' } }]);
  });

  it('does not ask again for what was refused, until it is changed', async () => {
    saver.change({ a: 'bad' });
    await vi.advanceTimersByTimeAsync(800);
    requests[0]?.refuse(new Problem({ status: 422, code: 'ONB-0004', title: 'The answer is not valid' }));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(requests).toHaveLength(1);
    expect(last()).toMatchObject({ kind: 'not_saved' });
    expect(last()).not.toHaveProperty('retryAt');
    saver.change({ a: 'good' });
    await vi.advanceTimersByTimeAsync(800);
    expect(requests[1]).toMatchObject({ answer: { a: 'good' } });
  });
});

describe('what cannot be sent as it is', () => {
  it('is kept on the device and never called saved', async () => {
    saver.change({ a: '1' });
    await vi.advanceTimersByTimeAsync(800);
    requests[0]?.accept();
    await settle();
    saver.change({ n: 'twelve' }, 'Employees');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toHaveLength(1);
    expect(last()).toMatchObject({ kind: 'not_saved', held: 'Employees' });
    expect(copy?.answer).toEqual({ n: 'twelve' });
    expect(await saver.flush()).toBe(false);
    saver.change({ n: 12 });
    await vi.advanceTimersByTimeAsync(800);
    expect(requests).toHaveLength(2);
  });
});

describe('when the step was changed elsewhere', () => {
  const theirs = { revision: '1.7', answer: { a: 'theirs' }, updatedAt: '2026-11-28T09:59:00Z' };
  const stale = () =>
    new Problem({
      status: 412,
      code: 'ONB-0005',
      title: 'The step was changed elsewhere',
      body: { current: { revision: '1.7', answer: { a: 'theirs' }, updated_at: theirs.updatedAt } },
    });

  beforeEach(async () => {
    saver.change({ a: 'mine' });
    await vi.advanceTimersByTimeAsync(800);
    requests[0]?.refuse(stale());
    await settle();
  });

  it('offers both, and sends nothing until a person has chosen', async () => {
    expect(last()).toEqual({ kind: 'conflict', theirs });
    saver.change({ a: 'mine, and more' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toHaveLength(1);
    expect(last()?.kind).toBe('conflict');
    expect(copy?.answer).toEqual({ a: 'mine, and more' });
  });

  it('keeps mine by saving on top of theirs', async () => {
    saver.change({ a: 'mine, and more' });
    saver.keepMine();
    expect(requests[1]).toMatchObject({ answer: { a: 'mine, and more' }, revision: '1.7' });
    requests[1]?.accept();
    await settle();
    expect(last()?.kind).toBe('saved');
  });

  it('takes theirs, and forgets the copy', () => {
    expect(saver.takeTheirs()).toEqual(theirs);
    expect(copy).toBeUndefined();
    expect(saver.knownRevision).toBe('1.7');
    expect(saver.hasUnsaved).toBe(false);
  });
});

describe('when the page is left', () => {
  it('sends what waits', () => {
    saver.change({ a: '1' });
    saver.stop();
    expect(requests).toMatchObject([{ answer: { a: '1' } }]);
  });

  it('says nothing any more', async () => {
    saver.change({ a: '1' });
    const before = kinds().length;
    saver.stop();
    requests[0]?.refuse(down());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(kinds().length - before).toBeLessThanOrEqual(1);
    expect(copy?.answer).toEqual({ a: '1' });
  });
});

describe('with any order of typing, answers and failures', () => {
  /** A small generator, so that a failure can be repeated by its seed. */
  function* numbers(seed: number): Generator<number> {
    let state = seed;
    for (;;) {
      state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
      yield state / 4_294_967_296;
    }
  }

  it.each(Array.from({ length: 200 }, (_, seed) => seed))('ends with the last words on the server, never calling others saved (seed %d)', async (seed) => {
    const random = numbers(seed + 1);
    const next = () => random.next().value as number;
    let typed = 0;
    const server: { answer: Answer | undefined } = { answer: undefined };
    const decide = (request: Request | undefined, good: boolean) => {
      if (request === undefined) return;
      if (good) {
        server.answer = request.answer;
        request.accept(next() < 0.5);
      } else {
        request.refuse(down());
      }
    };
    let answered = 0;
    for (let step = 0; step < 40; step += 1) {
      const dice = next();
      if (dice < 0.5) saver.change({ n: (typed += 1) });
      else if (dice < 0.75 && answered < requests.length) decide(requests[answered++], next() < 0.6);
      else await vi.advanceTimersByTimeAsync(Math.floor(next() * 6_000));
      await settle();
      if (last()?.kind === 'saved' && typed > 0) expect(server.answer).toEqual({ n: typed });
      // Nothing that was typed is anywhere less than on the device or on the server.
      if (typed > 0) expect([copy?.answer, server.answer]).toContainEqual({ n: typed });
      expect(requests.length - answered).toBeLessThanOrEqual(1);
    }
    for (let round = 0; round < 20 && saver.hasUnsaved; round += 1) {
      await vi.advanceTimersByTimeAsync(31_000);
      while (answered < requests.length) decide(requests[answered++], true);
      await settle();
    }
    if (typed > 0) {
      expect(server.answer).toEqual({ n: typed });
      expect(last()?.kind).toBe('saved');
    }
  });
});
