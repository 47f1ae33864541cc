import { useEffect, useRef, useState } from 'react';
import { useSession } from '@/session/use-session';
import type { Answer } from './answer';
import { Autosave, type SaveState, type Stored } from './autosave';
import { localCopies, recover } from './local-copy';
import { saveDraft } from './queries';

interface UseAutosave {
  workspace: string;
  slug: string;
  /** Of the definition that the form is drawn from. */
  version: string;
  stored: Stored;
  /** What was typed here and is not saved was found on this device: the form shows it. */
  onRecovered: (answer: Answer) => void;
}

/** One saver for one open step: recovers what this device kept, follows connection and visibility, and ends with the page. */
export function useAutosave({ workspace, slug, version, stored, onRecovered }: UseAutosave): { state: SaveState; saver: Autosave | undefined } {
  const user = useSession((session) => session.user?.id ?? '');
  const [state, setState] = useState<SaveState>(stored.updatedAt === undefined ? { kind: 'untouched' } : { kind: 'saved', at: stored.updatedAt });
  const [saver, setSaver] = useState<Autosave>();
  const recovered = useRef(onRecovered);
  recovered.current = onRecovered;
  const first = useRef(stored);

  useEffect(() => {
    const copies = localCopies(workspace, user, slug);
    const current = new Autosave({
      stored: first.current,
      save: (answer, revision) => saveDraft(slug, answer, { revision, version }),
      copies,
      onState: setState,
    });
    let ended = false;
    void copies.read().then((copy) => {
      if (ended || current.hasUnsaved) return;
      const found = recover(copy, first.current);
      if (found.kind === 'nothing') {
        if (copy !== undefined) copies.clear();
        return;
      }
      recovered.current(found.answer);
      current.resume(found.answer, found.kind === 'conflict' ? first.current : undefined);
    });
    const onOnline = () => current.retry();
    const onHide = () => {
      if (document.hidden) void current.flush();
    };
    addEventListener('online', onOnline);
    document.addEventListener('visibilitychange', onHide);
    setSaver(current);
    return () => {
      ended = true;
      removeEventListener('online', onOnline);
      document.removeEventListener('visibilitychange', onHide);
      current.stop();
    };
  }, [workspace, user, slug, version]);

  return { state, saver };
}
