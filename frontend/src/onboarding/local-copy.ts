import { clear, createStore, del, entries, get, set, type UseStore } from 'idb-keyval';
import { sameAnswer, type Answer } from './answer';
import type { Stored } from './autosave';

/** What was typed on this device and is not known to be safe. */
export interface LocalCopy {
  answer: Answer;
  /** The revision that it was typed on. */
  base: string;
  /** The revision under which the server took it, when it is not known to be on disk there. */
  acknowledged?: string;
}

/** Where the copy of one step is kept. What is written last is what is read. */
export interface LocalCopies {
  read: () => Promise<LocalCopy | undefined>;
  write: (copy: LocalCopy) => void;
  clear: () => void;
}

let store: UseStore | undefined;
/** Everything that touches the copies, one after the other. */
let last: Promise<unknown> = Promise.resolve();

function next<T>(act: () => Promise<T>): Promise<T | undefined> {
  const done = last.then(act).catch(() => undefined);
  last = done;
  return done;
}

function database(): UseStore {
  store ??= createStore('groundwork', 'answers');
  return store;
}

/** The copies of a step in IndexedDB. Without it (some private modes) nothing is kept, and saving goes on. */
export function localCopies(workspace: string, user: string, slug: string): LocalCopies {
  const key = `${user}/${workspace}/${slug}`;
  return {
    read: () => next(() => get<LocalCopy>(key, database())),
    write: (copy) => void next(() => set(key, copy, database())),
    clear: () => void next(() => del(key, database())),
  };
}

const UNSAVED_PATIENCE_MS = 2_000;
const UNSAVED_PAUSE_MS = 200;

/** Whether anything of this user is on this device alone. A save that is under way gets the time to end. */
export async function hasUnsavedCopies(user: string): Promise<boolean> {
  const deadline = Date.now() + UNSAVED_PATIENCE_MS;
  for (;;) {
    const kept = (await next(() => entries<string, LocalCopy>(database()))) ?? [];
    if (!kept.some(([key, copy]) => key.startsWith(`${user}/`) && copy.acknowledged === undefined)) return false;
    if (Date.now() > deadline) return true;
    await new Promise((resolve) => setTimeout(resolve, UNSAVED_PAUSE_MS));
  }
}

/** Nothing of an account stays on a device that it left. */
export async function forgetLocalCopies(): Promise<void> {
  await next(() => clear(database()));
}

export type Recovery =
  | { kind: 'nothing' }
  /** What was typed here goes on top of what the server has. */
  | { kind: 'mine'; answer: Answer }
  /** Both were changed: a person decides. */
  | { kind: 'conflict'; answer: Answer };

function parts(revision: string): { epoch: string; n: number } {
  const [epoch = '0', n = '0'] = revision.includes('.') ? revision.split('.') : ['0', revision];
  return { epoch, n: Number(n) };
}

/** What to do with a copy that is found when a step is opened. */
export function recover(copy: LocalCopy | undefined, server: Stored): Recovery {
  if (copy === undefined || sameAnswer(copy.answer, server.answer ?? {})) return { kind: 'nothing' };
  if (copy.acknowledged !== undefined) {
    const [taken, now] = [parts(copy.acknowledged), parts(server.revision)];
    // The server has that save, or a later one made on top of it.
    if (taken.epoch === now.epoch && now.n >= taken.n) return { kind: 'nothing' };
    // It lost its last seconds: they come back from here.
    return taken.epoch === now.epoch ? { kind: 'mine', answer: copy.answer } : { kind: 'conflict', answer: copy.answer };
  }
  return copy.base === server.revision ? { kind: 'mine', answer: copy.answer } : { kind: 'conflict', answer: copy.answer };
}
