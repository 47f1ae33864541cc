import { useState } from 'react';
import { Link } from 'react-router';
import { download } from '@/api/client';
import { Problem } from '@/api/problem';
import { Button } from '@/components/Button';
import { ConfirmDialog } from '@/components/Dialog';
import { ErrorNotice, Notice } from '@/components/Notice';
import { Menu } from '@/components/Menu';
import { useSubmit } from '@/components/use-submit';
import { useRole } from '@/gate/gate-query';
import { wordsOfOutcome, type BcmSync } from '@/bcm/use-bcm-sync';
import { sha256 } from '@/bcm/sha256';
import { saveFile } from '@/bcm/save-file';
import { clock } from '@/format/time';
import { announce } from '@/live/announcer';
import { appTexts } from '@/texts/app';
import { common } from '@/texts/common';

const texts = appTexts.rebuild;

/** When the next rebuild is possible, if that is what stands against this one. */
function availableAt(error: unknown): string | undefined {
  if (!(error instanceof Problem) || error.code !== 'BCM-0003') return undefined;
  const at = error.body.available_at;
  return typeof at === 'string' ? at : new Date(Date.now() + (error.retryAfterS ?? 3600) * 1000).toISOString();
}

/** Asks before it rebuilds, and once more before it sets the rule of an hour aside. */
export function RebuildButton({ sync, primary = false }: { sync: BcmSync; primary?: boolean }) {
  const { canManage } = useRole();
  const [asking, setAsking] = useState<'no' | 'rebuild' | 'force'>('no');
  const [next, setNext] = useState('');
  const rebuild = useSubmit(async (force: boolean) => {
    try {
      await sync.rebuild(force);
      setAsking('no');
    } catch (error) {
      const at = availableAt(error);
      if (at === undefined) {
        setAsking('no');
        throw error;
      }
      setNext(at);
      setAsking('force');
    }
  }, texts.errors);
  if (!canManage) return <p className="muted small">{texts.onlyManagers}</p>;
  const running = sync.rebuilding !== 'no';
  return (
    <>
      <Button {...(primary && { kind: 'primary' as const })} busy={running} onClick={() => setAsking('rebuild')}>
        {running ? texts.running : texts.button}
      </Button>
      {rebuild.error !== undefined && <ErrorNotice error={rebuild.error} byCode={texts.errors} />}
      <ConfirmDialog
        open={asking !== 'no'}
        title={asking === 'force' ? texts.recentTitle : texts.title}
        text={<p>{asking === 'force' ? texts.recent(clock(next)) : texts.text}</p>}
        confirm={asking === 'force' ? texts.force : texts.button}
        busy={rebuild.busy}
        onClose={() => setAsking('no')}
        onConfirm={() => void rebuild.run(asking === 'force')}
      />
    </>
  );
}

/** What came of the last rebuild, and that one takes long. */
export function RebuildNews({ sync }: { sync: BcmSync }) {
  if (sync.rebuilding === 'slow') {
    return (
      <Notice kind="warning">
        <p>{texts.slow}</p>
      </Notice>
    );
  }
  if (sync.outcome === undefined) return null;
  return (
    <Notice kind={sync.outcome.kind === 'failed' ? 'error' : 'success'}>
      <p>{wordsOfOutcome(sync.outcome)}</p>
    </Notice>
  );
}

const FORMATS = ['json', 'markdown', 'yaml'] as const;
type Format = (typeof FORMATS)[number];

/** As JSON, the file is checked against the checksum that is shown, byte for byte. */
export function ExportButton({ version, checksum }: { version: string; checksum: string }) {
  const [done, setDone] = useState<{ name: string; verdict: 'matches' | 'differs' | 'unchecked' | 'readable' }>();
  const save = useSubmit(async (format: Format) => {
    const { blob, name } = await download(`/api/context/export?${new URLSearchParams({ format, version })}`);
    const found = await sha256(await blob.arrayBuffer());
    saveFile(blob, name);
    // Only as JSON the bytes are those that the checksum is of.
    const verdict = format !== 'json' ? 'readable' : found === undefined ? 'unchecked' : found === checksum ? 'matches' : 'differs';
    setDone({ name, verdict });
    announce(`${appTexts.export.done(name)} ${appTexts.export[verdict]}`);
  });
  return (
    <>
      <Menu label={appTexts.export.button}>
        {(close) =>
          FORMATS.map((format) => (
            <button
              key={format}
              type="button"
              className="menu-item"
              onClick={() => {
                close();
                void save.run(format);
              }}
            >
              {appTexts.export[format]}
            </button>
          ))
        }
      </Menu>
      {save.error !== undefined && <ErrorNotice error={save.error} />}
      {done && (
        <Notice kind={done.verdict === 'differs' ? 'error' : 'success'}>
          <p>
            {appTexts.export.done(done.name)} {appTexts.export[done.verdict]}
          </p>
          {done.verdict === 'differs' && <Link to="/support">{common.support}</Link>}
        </Notice>
      )}
    </>
  );
}
