import { describe, expect, it, vi } from 'vitest';
import { forgetLocalCopies, localCopies, recover, type LocalCopy } from './local-copy';

describe('the copy of a step on this device', () => {
  it('comes back after a reload, with the newest words', async () => {
    const before = localCopies('w', 'u', 'company');
    before.write({ answer: { a: '1' }, base: '0' });
    before.write({ answer: { a: '2' }, base: '0' });
    await vi.waitFor(async () => expect(await localCopies('w', 'u', 'company').read()).toEqual({ answer: { a: '2' }, base: '0' }));
    expect(await localCopies('w', 'somebody else', 'company').read()).toBeUndefined();
    expect(await localCopies('another workspace', 'u', 'company').read()).toBeUndefined();
  });

  it('is gone when it was cleared, and when the account leaves the device', async () => {
    const copies = localCopies('w', 'u', 'facts');
    copies.write({ answer: {}, base: '0' });
    copies.clear();
    await vi.waitFor(async () => expect(await copies.read()).toBeUndefined());
    copies.write({ answer: {}, base: '0' });
    await vi.waitFor(async () => expect(await copies.read()).toBeDefined());
    await forgetLocalCopies();
    expect(await copies.read()).toBeUndefined();
  });
});

describe('what is done with a copy that is found', () => {
  const mine = { a: 'mine' };
  const copy = (more: Partial<LocalCopy>): LocalCopy => ({ answer: mine, base: '1.4', ...more });
  it.each<[string, LocalCopy | undefined, { revision: string; answer: Record<string, unknown> | null }, string]>([
    ['there is none', undefined, { revision: '1.4', answer: null }, 'nothing'],
    ['the server has the same', copy({}), { revision: '1.9', answer: mine }, 'nothing'],
    ['unsaved words on what the server has', copy({}), { revision: '1.4', answer: { a: 'old' } }, 'mine'],
    ['unsaved words of a first save', copy({ base: '0' }), { revision: '0', answer: null }, 'mine'],
    ['somebody saved meanwhile', copy({}), { revision: '1.5', answer: { a: 'theirs' } }, 'conflict'],
    ['the server has the save that was not on disk', copy({ acknowledged: '1.4' }), { revision: '1.4', answer: { a: 'normal form' } }, 'nothing'],
    ['others went on from that save', copy({ acknowledged: '1.4' }), { revision: '1.6', answer: { a: 'later' } }, 'nothing'],
    ['the server lost its last seconds', copy({ acknowledged: '1.4' }), { revision: '1.2', answer: { a: 'old' } }, 'mine'],
    ['the server was rebuilt from its disk', copy({ acknowledged: '1.4' }), { revision: '2.3', answer: { a: 'old' } }, 'conflict'],
  ])('%s', (_, found, server, kind) => {
    expect(recover(found, server).kind).toBe(kind);
  });
});
