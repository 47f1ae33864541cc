import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import * as Tabs from '@radix-ui/react-tabs';
import { useRef, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { contextKey, historyQuery, originsQuery, rollBack, versionQuery, type Manifest } from '@/bcm/queries';
import { useBcmSync } from '@/bcm/use-bcm-sync';
import { Arrival } from '@/components/Arrival';
import { Button, LinkButton } from '@/components/Button';
import { Copyable } from '@/components/Copy';
import { ConfirmDialog } from '@/components/Dialog';
import { ErrorNotice, Notice } from '@/components/Notice';
import { Page } from '@/components/Page';
import { QueryPanel, Skeleton } from '@/components/QueryPanel';
import { Sheet, WideTable } from '@/components/Sheet';
import { Moment } from '@/components/Time';
import { useSubmit } from '@/components/use-submit';
import { askGateAgain, useRole, useWorkspace } from '@/gate/gate-query';
import { announce } from '@/live/announcer';
import { appTexts } from '@/texts/app';
import { Comparison } from './Comparison';
import { FreshnessTag } from './Freshness';
import { ExportButton, RebuildButton, RebuildNews } from './ManifestActions';
import { labelOf, ManifestText, sectionsOf } from './ManifestText';
import './app.css';

const texts = appTexts.foundation;

function RecordSheet({ manifest }: { manifest: Manifest }) {
  const { record } = manifest;
  return (
    <Sheet title={texts.record}>
      <dl className="facts record">
        <dt>{texts.version}</dt>
        <dd className="code">{record.version}</dd>
        <dt>{texts.made}</dt>
        <dd>
          <Moment at={record.generated_at} />
        </dd>
        <dt>{texts.reason}</dt>
        <dd>{texts.reasons[record.reason] ?? record.reason}</dd>
        <dt>{texts.source}</dt>
        <dd>{texts.context(record.source.context_number)}</dd>
        <dt>{texts.tokens}</dt>
        <dd className="number">{appTexts.dashboard.tokens(record.meta.token_count, record.meta.token_budget)}</dd>
        <dt>{texts.size}</dt>
        <dd className="number">{texts.bytes(record.size)}</dd>
        <dt>{texts.reducer}</dt>
        <dd className="code">
          {record.source.reducer_version}, {record.source.policy}
        </dd>
        <dt>{appTexts.freshness.checksum}</dt>
        <dd>
          <Copyable label={appTexts.freshness.checksum} value={record.checksum} />
        </dd>
      </dl>
      {record.meta.trims.length > 0 && (
        <details>
          <summary>
            {texts.trimsTitle} ({record.meta.trims.length})
          </summary>
          <ul className="small">
            {record.meta.trims.map(({ pointer, action }) => (
              <li key={pointer}>
                <code className="breakable">{pointer}</code> <span className="muted">{texts.trims[action] ?? action}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {record.meta.missing.length > 0 && (
        <details>
          <summary>
            {texts.missingFields} ({record.meta.missing.length})
          </summary>
          <ul className="small">
            {record.meta.missing.map((name) => {
              const [slug = '', field] = name.split('/');
              return (
                <li key={name}>
                  <Link to={`/onboarding/steps/${slug}`}>{labelOf(slug.replaceAll('-', '_'))}</Link>
                  {field !== undefined && <span className="muted"> {labelOf(field)}</span>}
                </li>
              );
            })}
          </ul>
        </details>
      )}
    </Sheet>
  );
}

function Reading({ manifest }: { manifest: Manifest }) {
  const workspace = useWorkspace();
  const [shown, setShown] = useState(false);
  const origins = useQuery({ ...originsQuery(workspace.id, manifest.record.version), enabled: shown });
  return (
    <div className="manifest">
      <div className="stack">
        <div className="no-print">
          <Button small aria-pressed={shown} busy={shown && origins.isFetching} onClick={() => setShown(!shown)}>
            {shown ? texts.hideOrigins : texts.origins}
          </Button>
        </div>
        {shown && origins.isError && <ErrorNotice error={origins.error} onRetry={() => void origins.refetch()} />}
        <ManifestText content={manifest.content} caption={`${texts.version} ${manifest.record.version}`} origins={shown ? origins.data : undefined} />
      </div>
      <div className="manifest-aside">
        <nav aria-label={texts.contents} className="no-print stack-8">
          <p className="fig fig-plain">{texts.contents}</p>
          <ol>
            {sectionsOf(manifest.content).map(({ name, title, code }) => (
              <li key={name}>
                <a href={`#section-${name}`} className="contents-link">
                  <span className="code muted">{code}</span> {title}
                </a>
              </li>
            ))}
          </ol>
        </nav>
        <RecordSheet manifest={manifest} />
      </div>
    </div>
  );
}

function OlderVersion({ version, onBack }: { version: string; onBack: () => void }) {
  const workspace = useWorkspace();
  const manifest = useQuery(versionQuery(workspace.id, version));
  return (
    <div className="stack-24">
      <Notice kind="warning">
        <p>{texts.viewing(version)}</p>
        <div>
          <Button small onClick={onBack}>
            {texts.toCurrent}
          </Button>
        </div>
      </Notice>
      <QueryPanel query={manifest} lines={10}>
        {(data) => <Reading manifest={data} />}
      </QueryPanel>
    </div>
  );
}

/** Asks before an older content becomes current again. */
function RollbackButton({ version }: { version: string }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const rollback = useSubmit(async () => {
    const made = await rollBack(version);
    await client.invalidateQueries({ queryKey: contextKey(workspace.id) });
    await askGateAgain(client);
    announce(texts.rolledBack(made.version));
  }, texts.rollbackErrors);
  return (
    <>
      <Button small aria-label={texts.rollbackTo(version)} onClick={() => setAsking(true)}>
        {texts.rollback}
      </Button>
      {rollback.error !== undefined && <ErrorNotice error={rollback.error} byCode={texts.rollbackErrors} />}
      <ConfirmDialog
        open={asking}
        title={`${texts.rollbackTo(version)}?`}
        text={<p>{texts.rollbackText}</p>}
        confirm={texts.rollbackTo(version)}
        busy={rollback.busy}
        onClose={() => setAsking(false)}
        onConfirm={() => void rollback.run().finally(() => setAsking(false))}
      />
    </>
  );
}

interface HistoryProps {
  current: number | undefined;
  onView: (version: string) => void;
  onCompare: (version: string) => void;
}

function History({ current, onView, onCompare }: HistoryProps) {
  const workspace = useWorkspace();
  const { canManage } = useRole();
  const history = useInfiniteQuery(historyQuery(workspace.id));
  const records = history.data?.pages.flatMap(({ items }) => items);
  if (records === undefined) {
    return history.isError ? <ErrorNotice error={history.error} onRetry={() => void history.refetch()} /> : <Skeleton lines={6} />;
  }
  if (records.length === 0) return <p className="secondary">{texts.historyEmpty}</p>;
  return (
    <div className="stack">
      {history.isError && <ErrorNotice error={history.error} onRetry={() => void history.refetch()} />}
      <WideTable label={texts.tabs.history}>
          <thead>
            <tr>
              <th scope="col">{texts.version}</th>
              <th scope="col">{texts.made}</th>
              <th scope="col">{texts.reason}</th>
              <th scope="col">{texts.source}</th>
              <th scope="col">
                <span className="hidden-visually">{texts.view}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {records.map((record) => (
              <tr key={record.sequence}>
                <th scope="row" className="code">
                  {record.version}
                </th>
                <td>
                  <Moment at={record.generated_at} />
                </td>
                <td>{texts.reasons[record.reason] ?? record.reason}</td>
                <td>{texts.context(record.source.context_number)}</td>
                <td>
                  <span className="row">
                    {record.sequence === current ? (
                      <span className="muted">{texts.current}</span>
                    ) : (
                      <Button small aria-label={`${texts.view} ${record.version}`} onClick={() => onView(record.version)}>
                        {texts.view}
                      </Button>
                    )}
                    <Button small aria-label={texts.compareWith(record.version)} onClick={() => onCompare(record.version)}>
                      {texts.compare}
                    </Button>
                    {canManage && record.sequence !== current && <RollbackButton version={record.version} />}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </WideTable>
      {history.hasNextPage && (
        <div>
          <Button busy={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
            {texts.more}
          </Button>
        </div>
      )}
    </div>
  );
}

export default function Foundation() {
  const sync = useBcmSync();
  const [parameters, setParameters] = useSearchParams();
  const version = parameters.get('version');
  const compared = parameters.get('compare');
  const tab = parameters.get('tab') === 'history' ? 'history' : 'manifest';
  const current = sync.manifest.data;
  const tabs = useRef<HTMLDivElement>(null);
  // The button that led back is gone; the tab that is open is where the keyboard goes on.
  const toOpenTab = () => tabs.current?.querySelector<HTMLElement>('[role="tab"][data-state="active"]')?.focus();
  if (sync.state === 'missing') {
    return (
      <Page title={texts.title} lead={<p>{texts.lead}</p>}>
        <div className="sheet empty">
          <h2>{texts.missingTitle}</h2>
          <p>{texts.missing}</p>
          <LinkButton kind="primary" to="/onboarding">
            {appTexts.freshness.toOnboarding}
          </LinkButton>
        </div>
      </Page>
    );
  }
  return (
    <Page title={texts.title} lead={<p>{texts.lead}</p>}>
      <div className="stack-24">
        <div className="row no-print">
          <FreshnessTag state={sync.state} />
          {current && <ExportButton version={current.record.version} checksum={current.record.checksum} />}
          <RebuildButton sync={sync} />
          <Button kind="quiet" onClick={() => print()}>
            {texts.print}
          </Button>
        </div>
        <RebuildNews sync={sync} />
        {sync.freshness.isError && <ErrorNotice error={sync.freshness.error} onRetry={() => void sync.freshness.refetch()} />}
        <Tabs.Root value={tab} onValueChange={(next) => setParameters(next === 'history' ? { tab: next } : {}, { replace: true })} className="stack-24">
          <Tabs.List ref={tabs} className="tabs no-print" aria-label={texts.title}>
            <Tabs.Trigger className="tab" value="manifest">
              {texts.tabs.manifest}
            </Tabs.Trigger>
            <Tabs.Trigger className="tab" value="history">
              {texts.tabs.history}
            </Tabs.Trigger>
          </Tabs.List>
          <Tabs.Content value="manifest">
            {version !== null && version !== current?.record.version ? (
              <Arrival label={texts.viewing(version)}>
                <OlderVersion
                  version={version}
                  onBack={() => {
                    setParameters({});
                    toOpenTab();
                  }}
                />
              </Arrival>
            ) : (
              <QueryPanel query={sync.manifest} lines={12} isEmpty={(data) => data === null} empty={<p>{texts.missing}</p>}>
                {(data) => data && <Reading manifest={data} />}
              </QueryPanel>
            )}
          </Tabs.Content>
          <Tabs.Content value="history">
            {compared === null ? (
              <History
                current={current?.record.sequence}
                onView={(wanted) => setParameters({ version: wanted })}
                onCompare={(wanted) => setParameters({ tab: 'history', compare: wanted })}
              />
            ) : (
              <Arrival label={texts.comparing(compared)}>
                <Comparison
                  version={compared}
                  onClose={() => {
                    setParameters({ tab: 'history' });
                    toOpenTab();
                  }}
                />
              </Arrival>
            )}
          </Tabs.Content>
        </Tabs.Root>
      </div>
    </Page>
  );
}
