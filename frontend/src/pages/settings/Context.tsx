import { useBcmSync } from '@/bcm/use-bcm-sync';
import { LinkButton } from '@/components/Button';
import { Copyable } from '@/components/Copy';
import { ErrorNotice } from '@/components/Notice';
import { Skeleton } from '@/components/QueryPanel';
import { Sheet } from '@/components/Sheet';
import { Moment } from '@/components/Time';
import { appTexts } from '@/texts/app';
import { FreshnessMeter, FreshnessTag, Since } from '../app/Freshness';
import { ExportButton, RebuildButton, RebuildNews } from '../app/ManifestActions';

const texts = appTexts.freshness;

export default function Context() {
  const sync = useBcmSync();
  const { freshness, manifest, state, ageS } = sync;
  const record = manifest.data?.record;
  if (freshness.data === undefined) {
    return freshness.isError ? <ErrorNotice error={freshness.error} onRetry={() => void freshness.refetch()} /> : <Skeleton lines={6} />;
  }
  return (
    <Sheet title={appTexts.dashboard.manifest} aside={<FreshnessTag state={state} />} ticks>
      <p className="secondary">{appTexts.settings.context.text}</p>
      {ageS !== undefined && <FreshnessMeter state={state} ageS={ageS} thresholds={freshness.data} />}
      <p>{texts.says[state]}</p>
      <Since freshness={freshness.data} />
      {state === 'missing' ? (
        <div>
          <LinkButton kind="primary" to="/onboarding">
            {texts.toOnboarding}
          </LinkButton>
        </div>
      ) : (
        <>
          {record && (
            <dl className="facts">
              <dt>{texts.version}</dt>
              <dd className="code">{record.version}</dd>
              <dt>{texts.made}</dt>
              <dd>
                <Moment at={record.generated_at} />
              </dd>
              <dt>{texts.checksum}</dt>
              <dd>
                <Copyable label={texts.checksum} value={record.checksum} />
              </dd>
            </dl>
          )}
          <RebuildNews sync={sync} />
          <div className="row">
            <RebuildButton sync={sync} primary />
            {record && <ExportButton version={record.version} checksum={record.checksum} />}
          </div>
        </>
      )}
    </Sheet>
  );
}
